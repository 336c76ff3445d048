"""One fault, and the parsing of a request for one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from simulator.faults.kinds import KINDS, Value, kinds_of
from simulator.nanotime import SECOND
from simulator.sources import SOURCES


class InvalidFault(Exception):
    """An invalid request: its `field`, the value `seen`, and what was `expected`."""

    def __init__(self, field_name: str, seen: object, expected: Sequence[str] | str) -> None:
        self.field, self.seen = field_name, seen
        self.expected = expected
        listed = expected if isinstance(expected, str) else ", ".join(expected)
        super().__init__(f"{field_name}: seen {seen!r}, expected {listed}")


@dataclass(slots=True)
class Fault:
    """A fault of one source.

    Empty `symbols` means all; `until_ns` and `left` are None without an end.
    """

    id: int
    source: str
    kind: str
    symbols: frozenset[str]
    parameters: Mapping[str, Value]
    since_ns: int
    until_ns: int | None
    left: int | None
    memory: dict[str, object] = field(default_factory=dict)
    hits: int = 0

    def over(self, now_ns: int) -> bool:
        """Whether the fault has ended."""
        return (self.until_ns is not None and now_ns >= self.until_ns) or self.left == 0

    def applies_to(self, symbol: str | None) -> bool:
        """Whether the fault applies to this symbol (None: to no particular symbol)."""
        return not self.symbols or symbol in self.symbols

    def record_hit(self) -> None:
        """Count one effect of the fault."""
        self.hits += 1
        if self.left is not None:
            self.left -= 1

    def number(self, name: str) -> float:
        """A numeric parameter."""
        return float(self.parameters[name])

    def status(self, now_ns: int) -> dict[str, object]:
        """The fault as JSON values."""
        return {
            "id": self.id,
            "source": self.source,
            "fault": self.kind,
            "symbols": sorted(self.symbols),
            "parameters": dict(self.parameters),
            "since_s": round((now_ns - self.since_ns) / SECOND, 3),
            "ends_in_s": None if self.until_ns is None else round((self.until_ns - now_ns) / SECOND, 3),
            "left": self.left,
            "hits": self.hits,
        }


def parse_source(value: object) -> str:
    """Parse the name of a source.

    Raises:
        InvalidFault: no such source.
    """
    if not isinstance(value, str) or value.lower() not in SOURCES:
        raise InvalidFault("source", value, SOURCES)
    return value.lower()


def parse_kind(value: object, source: str) -> str:
    """Parse the name of a fault that the source can have.

    Raises:
        InvalidFault: no such fault, or not for this source.
    """
    if not isinstance(value, str) or value not in KINDS or source not in KINDS[value].sources:
        raise InvalidFault("fault", value, kinds_of(source))
    return value


def parse_parameters(kind: str, given: Mapping[str, object]) -> dict[str, Value]:
    """All parameters of a kind: given values, else defaults.

    Raises:
        InvalidFault: an unknown parameter or an invalid value.
    """
    known = KINDS[kind].parameters
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        raise InvalidFault("parameters", unknown, list(known) or "none for this fault")
    return {name: _value(name, given.get(name, known[name].default), known[name].words) for name in known}


def parse_positive(name: str, value: object) -> float | None:
    """Parse a positive number; None if not given.

    Raises:
        InvalidFault: not a positive number.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise InvalidFault(name, value, "a positive number")
    return float(value)


def _value(name: str, value: object, words: Sequence[str]) -> Value:
    if words:
        if value not in words:
            raise InvalidFault(name, value, words)
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise InvalidFault(name, value, "a number")
    return float(value)
