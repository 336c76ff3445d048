"""The error tree. Adapters translate library errors into it at the edge; two tables in `rates.verdicts` cover every leaf.

RatesError
├── InvalidInput                 what a caller sent cannot be used
│   ├── InvalidSymbol            not BASE/QUOTE
│   ├── InvalidNumber            not a finite decimal
│   ├── InvalidArgument          an argument out of its range
│   ├── InvalidCursor            a cursor that this service did not issue
│   ├── UnknownSymbol            well-formed, but tracked from no source asked
│   ├── UnknownAsset             part of no symbol tracked from the sources asked
│   ├── NoConversionPath         two assets that no tracked symbols link
│   ├── NotListed                well-formed, but the source lists no such instrument
│   └── AmbiguousSymbol          the source lists several that could be meant
├── RateUnavailable              a well-formed question that has no answer now
│   ├── RateNotSeen              tracked, but no source has published it yet
│   ├── RateStale                the newest value is older than was asked for
│   ├── NotTrading               its source lists it as halted, or lists it no more
│   └── SourceDown               not seen, and its source is down
├── SourceError                  a source did not deliver
│   ├── SourceUnavailable        network failure, timeout, 5xx
│   ├── SourceRateLimited        refused for sending too much; says when to come back
│   ├── SourceBlocked            refused for who or where we are: key, ban, firewall, country
│   ├── SourceProtocolError      an answer we cannot read
│   └── SimulationMismatch       simulated data where real was configured, or the reverse
├── MalformedMessage             one of our own messages that cannot be read
│   ├── MalformedTask            in a task queue
│   └── MalformedTicker          in the cache, the stream or on pub/sub
├── BackendUnavailable           a part of our own system is out of reach
│   ├── CacheUnavailable         Redis
│   ├── QueueUnavailable         RabbitMQ
│   └── DatabaseUnavailable      Postgres or SQLite
└── SetupError                   cannot start as configured
    ├── InvalidSetting           names the variable and what is expected
    ├── PortInUse                the address to listen on is taken
    └── InvalidRecording         a file to replay that cannot be read
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import ClassVar


class RatesError(Exception):
    """Root. `retryable`: whether the same request may succeed later without a change."""

    retryable: ClassVar[bool] = False


class InvalidInput(RatesError):
    """What a caller sent cannot be used."""


class InvalidSymbol(InvalidInput):
    """Not of the form BASE/QUOTE; `suggestion` is the well-formed symbol that was probably meant."""

    def __init__(self, seen: str, *, suggestion: str | None = None) -> None:
        self.seen, self.suggestion = seen, suggestion
        hint = f"; did you mean {suggestion}?" if suggestion else ""
        super().__init__(
            f"{seen[:60]!r} is not a symbol: expected BASE/QUOTE in upper case, e.g. BTC/USDT{hint}"
        )


class InvalidNumber(InvalidInput):
    """Not a finite decimal of sane size, or not in the form that was expected."""

    def __init__(self, seen: str, *, expected: str = "a finite decimal of at most 50 digits a side") -> None:
        self.seen = seen
        super().__init__(f"{seen[:60]!r} is not a usable number: expected {expected}")


class InvalidArgument(InvalidInput):
    """An argument out of its range; the message names it, what was seen and what was expected."""

    def __init__(self, name: str, seen: object, expected: str) -> None:
        self.name, self.seen, self.expected = name, seen, expected
        super().__init__(f"{name} is {str(seen)[:60]!r}: expected {expected}")


class InvalidCursor(InvalidInput):
    """A cursor that this service did not issue."""

    def __init__(self, seen: str) -> None:
        self.seen = seen
        super().__init__(f"{seen[:60]!r} is not a cursor: expected one that this service gave out")


class UnknownSymbol(InvalidInput):
    """A well-formed symbol that is tracked from no source asked; `near` are the closest tracked ones."""

    def __init__(self, symbol: str, *, near: Sequence[str] = ()) -> None:
        self.symbol, self.near = symbol, tuple(near)
        hint = f"; near matches: {', '.join(near)}" if near else ""
        super().__init__(f"{symbol} is not tracked{hint}")


class UnknownAsset(InvalidInput):
    """An asset of no symbol tracked from the sources asked; `near` are the closest that are."""

    def __init__(self, asset: str, *, near: Sequence[str] = ()) -> None:
        self.asset, self.near = asset[:60], tuple(near)
        hint = f"; near matches: {', '.join(near)}" if near else ""
        super().__init__(f"no tracked symbol has the asset {self.asset!r}{hint}")


class NoConversionPath(InvalidInput):
    """Two assets that the tracked symbols do not link in so many legs. Says what would help: `legs_needed` is `None` where no
    number of legs would; `pegs_would_help` is whether counting stablecoins as dollars would.
    """

    def __init__(
        self,
        start: str,
        end: str,
        *,
        max_legs: int,
        from_reaches: Sequence[str],
        to_reached_from: Sequence[str],
        legs_needed: int | None,
        pegs_would_help: bool,
    ) -> None:
        self.start, self.end, self.max_legs = start, end, max_legs
        self.from_reaches, self.to_reached_from = tuple(from_reaches), tuple(to_reached_from)
        self.legs_needed, self.pegs_would_help = legs_needed, pegs_would_help
        needed = f"; it takes {legs_needed}" if legs_needed else ""
        pegs = "; stablecoinsAsUsd would lead there" if pegs_would_help else ""
        super().__init__(
            f"no tracked symbols lead from {start} to {end} in {max_legs} legs: {start} leads to "
            f"{', '.join(from_reaches)}, and to {end} lead {', '.join(to_reached_from)}{needed}{pegs}"
        )


class NotListed(InvalidInput):
    """A well-formed symbol that the source does not list; `near` are the closest that it does."""

    def __init__(self, symbol: str, source: str, *, near: Sequence[str] = ()) -> None:
        self.symbol, self.source, self.near = symbol, source, tuple(near)
        hint = f"; near matches: {', '.join(near)}" if near else ""
        super().__init__(f"{symbol} is not listed by {source}{hint}")


class AmbiguousSymbol(InvalidInput):
    """A symbol that the source lists several times; `candidates` are its own spellings with their names."""

    def __init__(self, symbol: str, source: str, *, candidates: Sequence[str]) -> None:
        self.symbol, self.source, self.candidates = symbol, source, tuple(candidates)
        super().__init__(
            f"{symbol} could be any of {len(candidates)} that {source} lists: {', '.join(candidates)}"
        )


class RateUnavailable(RatesError):
    """A well-formed question that has no answer now."""

    retryable = True


class RateNotSeen(RateUnavailable):
    """Tracked, but not yet published by any source asked."""

    def __init__(self, symbol: str, source: str | None = None) -> None:
        self.symbol, self.source = symbol, source
        super().__init__(f"{symbol} has not been seen yet{f' from {source}' if source else ''}")


class RateStale(RateUnavailable):
    """The newest value is older than was asked for. Ages in milliseconds."""

    def __init__(self, symbol: str, source: str, *, age_ms: int, max_age_ms: int) -> None:
        self.symbol, self.source, self.age_ms, self.max_age_ms = symbol, source, age_ms, max_age_ms
        super().__init__(f"{symbol} from {source} is {age_ms} ms old: expected at most {max_age_ms} ms")


class NotTrading(RateUnavailable):
    """Tracked, but not traded at its source: `word` is the source's own for that, `since` when we saw it first."""

    def __init__(self, symbol: str, source: str, *, word: str, since: datetime) -> None:
        self.symbol, self.source, self.word, self.since = symbol, source, word, since
        super().__init__(
            f"{symbol} is not traded at {source}: {word!r} by its own listing, "
            f"seen since {since.isoformat(timespec='seconds')}"
        )


class SourceDown(RateUnavailable):
    """Never seen, and the only sources that could tell are down."""

    def __init__(self, symbol: str, source: str) -> None:
        self.symbol, self.source = symbol, source
        super().__init__(f"{symbol} cannot be answered: {source} is down")


class SourceError(RatesError):
    """A source did not deliver."""

    def __init__(self, source: str, message: str) -> None:
        self.source = source
        super().__init__(f"{source}: {message}")


class SourceUnavailable(SourceError):
    """Network failure, timeout, or an answer that says to try again."""

    retryable = True


class SourceRateLimited(SourceError):
    """Refused for sending too much; not to be asked again before `retry_at`. `is_planned`: by ourselves, as calls are spread."""

    retryable = True

    def __init__(self, source: str, message: str, *, retry_at: datetime, is_planned: bool = False) -> None:
        self.retry_at, self.is_planned = retry_at, is_planned
        super().__init__(source, f"{message}; not before {retry_at.isoformat(timespec='seconds')}")


class SourceBlocked(SourceError):
    """Refused for who or where we are: bad key, ban, firewall, country; a ban may say when it ends (`retry_at`)."""

    def __init__(self, source: str, message: str, *, retry_at: datetime | None = None) -> None:
        self.retry_at = retry_at
        until = f"; not before {retry_at.isoformat(timespec='seconds')}" if retry_at else ""
        super().__init__(source, f"{message}{until}")


class SourceProtocolError(SourceError):
    """An answer that cannot be read as what was asked for."""


class SimulationMismatch(SourceError):
    """Simulated data where real was configured, or the reverse: the two are never mixed."""


class MalformedMessage(RatesError):
    """One of our own messages that cannot be read."""


class MalformedTask(MalformedMessage):
    """A message in a task queue that is no task."""


class MalformedTicker(MalformedMessage):
    """A value in the cache, the stream or on pub/sub that is no ticker."""


class BackendUnavailable(RatesError):
    """A part of our own system is out of reach."""

    retryable = True


class CacheUnavailable(BackendUnavailable):
    """Redis cannot be reached or refuses."""


class QueueUnavailable(BackendUnavailable):
    """RabbitMQ cannot be reached or refuses."""


class DatabaseUnavailable(BackendUnavailable):
    """The database cannot be reached or refuses."""


class SetupError(RatesError):
    """The process cannot start as configured."""


class InvalidSetting(SetupError):
    """A setting that cannot be used; names the variable, what was seen and what is expected."""

    def __init__(self, variable: str, seen: object, expected: str) -> None:
        self.variable, self.seen, self.expected = variable, seen, expected
        super().__init__(f"{variable}={str(seen)[:80]!r}: {expected}")


class PortInUse(SetupError):
    """The address to listen on is taken."""

    def __init__(self, host: str, port: int, setting: str) -> None:
        self.host, self.port = host, port
        super().__init__(f"{host}:{port} is in use: stop what listens there or set {setting} to another port")


class InvalidRecording(SetupError):
    """A file to replay that cannot be read; the message says where and what was expected."""


def leaves(root: type[RatesError] = RatesError) -> Iterator[type[RatesError]]:
    """Every error class that has no subclass, depth first."""
    children = root.__subclasses__()
    if not children:
        yield root
    for child in children:
        yield from leaves(child)
