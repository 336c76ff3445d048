"""The active faults. Faults that have ended are removed when they are looked up."""

from collections.abc import Callable, Iterable, Mapping
from itertools import count

from simulator.faults.channels import channel_roles
from simulator.faults.fault import (
    Fault,
    InvalidFault,
    parse_kind,
    parse_parameters,
    parse_positive,
    parse_source,
)
from simulator.faults.kinds import KINDS
from simulator.nanotime import SECOND, NsClock
from simulator.sources import SOURCES

_FIELDS = ("source", "fault", "symbols", "duration_s", "count", "parameters")
MAX_FAULTS = 1000

SymbolLookup = Callable[[str, str], str | None]


class ActiveFaults:
    """All active faults, by source.

    Listeners in `on_change` are called when a fault is injected or healed.
    """

    def __init__(self, clock: NsClock) -> None:
        self.clock = clock
        self.on_change: list[Callable[[Fault, bool], None]] = []
        self._faults: dict[str, list[Fault]] = {source: [] for source in SOURCES}
        self._ids = count(1)

    def inject(self, request: Mapping[str, object], symbol_names: SymbolLookup) -> Fault:
        """Activate a fault as a request describes it; `spelling` maps a symbol to the source's own.

        Raises:
            InvalidFault: the request is invalid.
        """
        fault = self._parse(request, symbol_names)
        if sum(map(len, self._faults.values())) >= MAX_FAULTS:
            raise InvalidFault("fault", fault.kind, f"at most {MAX_FAULTS} faults at once; heal some first")
        self._faults[fault.source].append(fault)
        self._notify(fault, active=True)
        return fault

    def heal(self, *, source: str | None = None, fault_id: int | None = None) -> list[Fault]:
        """End one fault, all of one source, or all; return the ended ones."""
        healed = [
            fault for fault in self.all() if source in (None, fault.source) and fault_id in (None, fault.id)
        ]
        for fault in healed:
            self._faults[fault.source].remove(fault)
            self._notify(fault, active=False)
        return healed

    @property
    def is_empty(self) -> bool:
        """Whether no fault is active: a cheap check for every frame."""
        return not any(self._faults.values())

    def all(self) -> list[Fault]:
        """All active faults, in the order of sources, oldest first."""
        return [fault for source in SOURCES for fault in self.for_source(source)]

    def for_source(self, source: str) -> list[Fault]:
        """The active faults of one source."""
        faults = self._faults[source]
        if faults:
            now_ns = self.clock()
            for over in [fault for fault in faults if fault.over(now_ns)]:
                faults.remove(over)
                self._notify(over, active=False)
        return faults

    def for_symbol(self, source: str, symbol: str | None) -> list[Fault]:
        """The active faults of one source that apply to a symbol."""
        return [fault for fault in self.for_source(source) if fault.applies_to(symbol)]

    def find(self, source: str, kind: str) -> Fault | None:
        """The newest active fault of a kind."""
        return next((fault for fault in reversed(self.for_source(source)) if fault.kind == kind), None)

    def find_any(self, source: str, kinds: Iterable[str]) -> Fault | None:
        """The newest active fault of any of the kinds."""
        wanted = frozenset(kinds)
        return next((fault for fault in reversed(self.for_source(source)) if fault.kind in wanted), None)

    def _notify(self, fault: Fault, *, active: bool) -> None:
        for listener in self.on_change:
            listener(fault, active)

    def _parse(self, request: Mapping[str, object], symbol_names: SymbolLookup) -> Fault:
        unknown = next((name for name in request if name not in _FIELDS), None)
        if unknown is not None:
            raise InvalidFault("field", unknown, _FIELDS)
        source = parse_source(request.get("source"))
        kind = parse_kind(request.get("fault"), source)
        parameters = request.get("parameters") or {}
        if not isinstance(parameters, dict):
            raise InvalidFault("parameters", parameters, "an object")
        checked = parse_parameters(kind, parameters)
        if kind == "dead-channel" and checked["channel"] not in channel_roles(source):
            raise InvalidFault("channel", checked["channel"], channel_roles(source))
        now_ns = self.clock()
        lasts = parse_positive("duration_s", request.get("duration_s"))
        times = parse_positive("count", request.get("count"))
        return Fault(
            id=next(self._ids),
            source=source,
            kind=kind,
            symbols=_symbols(request.get("symbols"), source, kind, symbol_names),
            parameters=checked,
            since_ns=now_ns,
            until_ns=None if lasts is None else now_ns + int(lasts * SECOND),
            left=None if times is None else max(1, int(times)),
        )


def _symbols(value: object, source: str, kind: str, symbol_names: SymbolLookup) -> frozenset[str]:
    if not value:
        return frozenset()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidFault("symbols", value, "a list of symbols")
    if not KINDS[kind].by_symbol:
        by_symbol = [name for name, each in KINDS.items() if each.by_symbol and source in each.sources]
        raise InvalidFault("symbols", value, f"none for {kind}; symbols are for {', '.join(by_symbol)}")
    found = {item: symbol_names(source, item) for item in value}
    unknown = next((item for item, spelt in found.items() if spelt is None), None)
    if unknown is not None:
        raise InvalidFault(
            "symbols", unknown, f"a symbol that {source} lists, as it spells it or as BASE/QUOTE"
        )
    return frozenset(spelt for spelt in found.values() if spelt is not None)
