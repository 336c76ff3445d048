"""Error tree, into which adapters translate library errors.

Two tables in `rates.error_mapping` cover every leaf.

RatesError
├── InvalidInput                 the caller sent something unusable
│   ├── InvalidSymbol            not BASE/QUOTE
│   ├── InvalidNumber            not a finite decimal
│   ├── InvalidArgument          an argument outside its range
│   ├── InvalidCursor            not a cursor issued by this service
│   ├── UnknownSymbol            well-formed, but not tracked from any requested source
│   ├── UnknownAsset             in no symbol tracked from the requested sources
│   ├── NoConversionPath         no tracked symbols connect the two assets
│   ├── TooManyLiveQueries       the process has no room for another different subscription
│   ├── QueryTooExpensive        an operation beyond the cost limit
│   ├── UnknownKey               no key of the API has this id
│   ├── BudgetExhausted          the client has spent its points for now
│   ├── NotListed                well-formed, but not listed by the source
│   └── AmbiguousSymbol          several listed instruments match
├── AccessDenied                 the sender of a request may not have what it asks for
│   ├── Unauthenticated          no key where one is needed, or one that does not count
│   └── Forbidden                a key that does not allow this
├── RateUnavailable              a valid query that has no answer at present
│   ├── RateNotSeen              tracked, but not published by any source yet
│   ├── RateStale                the newest value is older than the requested maximum
│   ├── NotTrading               halted or delisted at its source
│   ├── SuspectIdentity          its source may mean another asset by the code
│   └── SourceDown               not seen yet, and its source is down
├── SourceError                  a source returned no usable data
│   ├── SourceUnavailable        network failure, timeout, 5xx
│   ├── SourceRateLimited        too many requests; says when to retry
│   ├── SourceBlocked            access denied: bad key, ban, firewall or country
│   ├── SourceProtocolError      an unreadable response
│   └── SimulationMismatch       simulated data where real data was configured, or the reverse
├── MalformedMessage             an unreadable internal message
│   ├── MalformedTask            in a task queue
│   ├── MalformedTicker          in the cache, the stream or on pub/sub
│   └── MalformedBatch           of bars, in their stream or on pub/sub
├── BackendUnavailable           a backend cannot be reached
│   ├── CacheUnavailable         Redis
│   ├── QueueUnavailable         RabbitMQ
│   ├── DatabaseUnavailable      Postgres or SQLite
│   ├── AccessUnavailable        keys or tokens cannot be verified
│   └── HistoryUnavailable       the stored history, or a gateway without one
└── SetupError                   the process cannot start as configured
    ├── InvalidSetting           names the variable and the expected value
    ├── MigrationFailed          the database cannot be migrated until an operator has acted
    ├── PortInUse                the listen address is taken
    └── InvalidRecording         an unreadable recording
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import ClassVar


class RatesError(Exception):
    """Root of the tree. `retryable`: whether the same request may succeed later, unchanged."""

    retryable: ClassVar[bool] = False


class InvalidInput(RatesError):
    """Unusable input from a caller."""


class InvalidSymbol(InvalidInput):
    """Not of the form BASE/QUOTE. `suggestion` is the symbol that was probably meant."""

    def __init__(self, seen: str, *, suggestion: str | None = None) -> None:
        self.seen, self.suggestion = seen, suggestion
        hint = f"; did you mean {suggestion}?" if suggestion else ""
        super().__init__(
            f"{seen[:60]!r} is not a symbol: expected BASE/QUOTE in upper case, e.g. BTC/USDT{hint}"
        )


class InvalidNumber(InvalidInput):
    """Not a finite decimal within the digit limits, or not in the expected form."""

    def __init__(
        self,
        seen: str,
        *,
        expected: str = "a finite decimal with at most 50 digits before and 50 after the point",
    ) -> None:
        self.seen = seen
        super().__init__(f"{seen[:60]!r} is not a usable number: expected {expected}")


class InvalidArgument(InvalidInput):
    """An argument outside its range.

    The message gives its name, the value seen and the range expected. A `str` is quoted.
    """

    def __init__(self, name: str, seen: object, expected: str, *, shown: str | None = None) -> None:
        self.name, self.seen, self.expected = name, seen, expected
        shown = shown or (repr(seen[:60]) if isinstance(seen, str) else str(seen)[:60])
        super().__init__(f"{name} is {shown}: expected {expected}")

    @classmethod
    def of_length(cls, name: str, count: int, expected: str) -> "InvalidArgument":
        """Return the error of a list with too few or too many values."""
        return cls(
            name, count, expected, shown="an empty list" if count == 0 else f"a list of {count} values"
        )


class InvalidCursor(InvalidInput):
    """Not a cursor issued by this service."""

    def __init__(self, seen: str) -> None:
        self.seen = seen
        super().__init__(f"{seen[:60]!r} is not a cursor: expected a cursor that this API returned")


class UnknownSymbol(InvalidInput):
    """A symbol not tracked from any requested source.

    `sources` track it, unlike the `asked` ones; if there are none, `near` lists the closest tracked symbols.
    """

    def __init__(
        self, symbol: str, *, near: Sequence[str] = (), asked: Sequence[str] = (), sources: Sequence[str] = ()
    ) -> None:
        self.symbol, self.near, self.sources = symbol, tuple(near), tuple(sources)
        asked_text = f" from {', '.join(asked)}" if asked else ""
        super().__init__(f"{symbol} is not tracked{asked_text}{_hint(near, sources)}")


class UnknownAsset(InvalidInput):
    """An asset in no symbol tracked from the requested sources.

    With `reviewed` a code of no asset.

    `sources` have such symbols, unlike the `asked` ones; if there are none, `near` lists the closest assets.
    """

    def __init__(
        self,
        asset: str,
        *,
        near: Sequence[str] = (),
        asked: Sequence[str] = (),
        sources: Sequence[str] = (),
        reviewed: bool = False,
    ) -> None:
        self.asset, self.near, self.sources = asset[:60], tuple(near), tuple(sources)
        asked_text = f" from {', '.join(asked)}" if asked else ""
        missing = (
            f"no asset has the code {self.asset!r}"
            if reviewed
            else f"no symbol tracked{asked_text} has the asset {self.asset!r}"
        )
        super().__init__(missing + _hint(near, sources))


class NoConversionPath(InvalidInput):
    """Two assets that tracked symbols do not connect within `max_legs`.

    `legs_needed` is the length of the shortest path, `None` if there is none. `pegs_would_help` says whether a
    path exists when stablecoins count as dollars.
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
        needed = f"; the shortest route has {legs_needed}" if legs_needed else ""
        pegs = "; stablecoinsAsUsd allows a route" if pegs_would_help else ""
        super().__init__(
            f"no route from {start} to {end} has at most {max_legs} {'leg' if max_legs == 1 else 'legs'}: "
            f"tracked symbols connect {start} with {', '.join(from_reaches)}, "
            f"and {end} with {', '.join(to_reached_from)}{needed}{pegs}"
        )


class QueryTooExpensive(InvalidInput):
    """An operation beyond the cost limit, in points: about microseconds of the processor."""

    def __init__(self, cost: int, limit: int) -> None:
        self.cost, self.limit = cost, limit
        super().__init__(
            f"the operation costs {cost} points or more: expected at most {limit}; request fewer fields, symbols or aliases"
        )


class BudgetExhausted(InvalidInput):
    """The client has spent its points.

    `cost` of them are available again in `retry_ms`; all of them at `resets_at`, in `full_s` seconds.
    """

    retryable = True

    def __init__(
        self, cost: int, *, limit: int, remaining: int, retry_ms: int, resets_at: datetime, full_s: float
    ) -> None:
        self.cost, self.limit, self.remaining = cost, limit, remaining
        self.retry_ms, self.resets_at, self.full_s = retry_ms, resets_at, full_s
        super().__init__(
            f"the operation costs {cost} points, and {remaining} of your {limit} are left: try again in {retry_ms} ms"
        )

    def after(self, seconds: float) -> "BudgetExhausted":
        """Return the error that is told so much later."""
        return BudgetExhausted(
            self.cost,
            limit=self.limit,
            remaining=self.remaining,
            retry_ms=max(1, self.retry_ms - round(1000 * seconds)),
            resets_at=self.resets_at,
            full_s=max(0.0, self.full_s - seconds),
        )


class TooManyLiveQueries(InvalidInput):
    """A subscription unlike all others, of which a process holds as many as it may."""

    retryable = True

    def __init__(self, name: str, limit: int) -> None:
        self.limit = limit
        super().__init__(
            f"this gateway has {limit} different {name}, its limit: expected a subscription that already runs; try again later"
        )


class UnknownKey(InvalidInput):
    """An id of no key."""

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        super().__init__(f"no key has the id {key_id[:20]!r}: expected one that `ratewire keys list` shows")


class NotListed(InvalidInput):
    """A symbol that the source does not list. `near` contains the closest listed symbols."""

    def __init__(self, symbol: str, source: str, *, near: Sequence[str] = ()) -> None:
        self.symbol, self.source, self.near = symbol, source, tuple(near)
        hint = f"; near matches: {', '.join(near)}" if near else ""
        super().__init__(f"{symbol} is not listed by {source}{hint}")


class AmbiguousSymbol(InvalidInput):
    """A symbol that matches several listed instruments.

    `candidates` gives their source symbols and names.
    """

    def __init__(self, symbol: str, source: str, *, candidates: Sequence[str]) -> None:
        self.symbol, self.source, self.candidates = symbol, source, tuple(candidates)
        super().__init__(
            f"{symbol} could be any of {len(candidates)} that {source} lists: {', '.join(candidates)}"
        )


class DenialReason(StrEnum):
    """Why a request is denied, as clients see it."""

    MISSING = "MISSING"
    MALFORMED = "MALFORMED"
    AMBIGUOUS = "AMBIGUOUS"
    UNKNOWN = "UNKNOWN"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105 - no password
    ORIGIN = "ORIGIN"
    SCOPE = "SCOPE"


_UNAUTHENTICATED = {
    DenialReason.MISSING: "this API needs a key: expected it in `Authorization: Bearer`, `X-API-Key` or `connection_init`",
    DenialReason.MALFORMED: "the key is none of this API: expected all of its text, from rw_ to its last character",
    DenialReason.AMBIGUOUS: "the request has two different keys: expected one",
    DenialReason.UNKNOWN: "no key has this text: expected one that was created here, or its newest after a rotation",
    DenialReason.REVOKED: "the key was revoked: expected another one",
    DenialReason.EXPIRED: "the key has expired: expected another one",
    DenialReason.INVALID_TOKEN: "the token does not count",
}


class AccessDenied(RatesError):
    """A request whose sender may not have what it asks for.

    `plan`: that of the sender, if it is known.
    """

    def __init__(self, reason: DenialReason, message: str, *, plan: str | None = None) -> None:
        self.reason, self.plan = reason, plan
        super().__init__(message)


class Unauthenticated(AccessDenied):
    """No key where one is needed, or a key or token that does not count; never with its text.

    `detail`: what is wrong with a token.
    """

    def __init__(self, reason: DenialReason, detail: str | None = None) -> None:
        super().__init__(reason, _UNAUTHENTICATED[reason] + (f": {detail}" if detail else ""))


class Forbidden(AccessDenied):
    """A key that does not allow this page, or lacks a `scope`."""

    def __init__(
        self,
        reason: DenialReason,
        *,
        plan: str | None = None,
        origin: str | None = None,
        scope: str | None = None,
    ) -> None:
        self.origin, self.scope = origin, scope
        if reason is DenialReason.SCOPE:
            message = f"the operation needs the scope {scope}: expected a key that has it"
        else:
            seen = "no `Origin`" if origin is None else repr(origin)
            message = f"the key does not allow {seen}: expected a page of one of its origins"
        super().__init__(reason, message, plan=plan)


class RateUnavailable(RatesError):
    """A valid query that has no answer at present."""

    retryable = True


class RateNotSeen(RateUnavailable):
    """Tracked, but not yet published by any requested source.

    `at`: the time of the past that was asked for; `None` for now.
    """

    def __init__(self, symbol: str, source: str | None = None, *, at: datetime | None = None) -> None:
        self.symbol, self.source = symbol, source
        origin = f" from {source}" if source else ""
        if at is None:
            super().__init__(f"no rate of {symbol} has arrived yet{origin}")
        else:
            super().__init__(f"no trade of {symbol}{origin} is known at or before {at.isoformat()}")


class RateStale(RateUnavailable):
    """The newest value, or its last trade, exceeds the requested maximum age.

    Ages are in milliseconds.

    `max_trade_age_ms` is `None` where no limit on the last trade was asked for; `trade_age_ms` is `None` where the
    source does not tell when that was.
    """

    def __init__(
        self,
        symbol: str,
        source: str,
        *,
        age_ms: int,
        max_age_ms: int,
        trade_age_ms: int | None = None,
        max_trade_age_ms: int | None = None,
    ) -> None:
        self.symbol, self.source, self.age_ms, self.max_age_ms = symbol, source, age_ms, max_age_ms
        self.trade_age_ms, self.max_trade_age_ms = trade_age_ms, max_trade_age_ms
        if age_ms > max_age_ms or max_trade_age_ms is None:
            message = f"{symbol} from {source} is {age_ms} ms old: expected at most {max_age_ms} ms"
        elif trade_age_ms is None:
            message = (
                f"{source} does not publish when {symbol} was last traded: "
                f"expected a trade within {max_trade_age_ms} ms"
            )
        else:
            message = (
                f"the last trade of {symbol} at {source} is {trade_age_ms} ms old: "
                f"expected at most {max_trade_age_ms} ms"
            )
        super().__init__(message)


class NotTrading(RateUnavailable):
    """Tracked, but not traded at its source.

    `word` is the source's status; `since` is when it was first seen.
    """

    def __init__(self, symbol: str, source: str, *, word: str, since: datetime) -> None:
        self.symbol, self.source, self.word, self.since = symbol, source, word, since
        super().__init__(
            f"{symbol} is not traded at {source}: its listing says {word!r}, "
            f"since {since.isoformat(timespec='seconds')} or before"
        )


class SuspectIdentity(RateUnavailable):
    """Tracked, but the source may mean another asset by the code.

    `detail` tells how far its price is from those of other sources.
    """

    def __init__(self, symbol: str, source: str, *, detail: str, since: datetime) -> None:
        self.symbol, self.source, self.detail, self.since = symbol, source, detail, since
        super().__init__(
            f"{symbol} at {source} may be another asset: {detail}, "
            f"since {since.isoformat(timespec='seconds')}; an operator has to confirm or separate it"
        )


class SourceDown(RateUnavailable):
    """Not seen yet, and every requested source is down."""

    def __init__(self, symbol: str, source: str) -> None:
        self.symbol, self.source = symbol, source
        super().__init__(f"no rate of {symbol} has arrived yet, and {source} is down")


class SourceError(RatesError):
    """A source returned no usable data."""

    def __init__(self, source: str, message: str) -> None:
        self.source = source
        super().__init__(f"{source}: {message}")


class SourceUnavailable(SourceError):
    """Network failure, timeout, or a response that asks for a retry."""

    retryable = True


class SourceRateLimited(SourceError):
    """Too many requests; no further call is allowed before `retry_at`.

    `is_planned`: our own pacing deferred the call; the source refused nothing.
    """

    retryable = True

    def __init__(self, source: str, message: str, *, retry_at: datetime, is_planned: bool = False) -> None:
        self.retry_at, self.is_planned = retry_at, is_planned
        super().__init__(source, f"{message}; not before {retry_at.isoformat(timespec='seconds')}")


class SourceBlocked(SourceError):
    """Access denied: bad key, ban, firewall or country.

    `retry_at` is the end of the ban, where known.
    """

    def __init__(self, source: str, message: str, *, retry_at: datetime | None = None) -> None:
        self.retry_at = retry_at
        until = f"; not before {retry_at.isoformat(timespec='seconds')}" if retry_at else ""
        super().__init__(source, f"{message}{until}")


class SourceProtocolError(SourceError):
    """A response that does not have the expected form."""


class SimulationMismatch(SourceError):
    """Simulated data where real data was configured, or the reverse. The two are never mixed."""


class MalformedMessage(RatesError):
    """An unreadable internal message."""


class MalformedTask(MalformedMessage):
    """A task queue message that is not a valid task."""


class MalformedTicker(MalformedMessage):
    """A cache, stream or pub/sub value that is not a valid ticker."""


class MalformedBatch(MalformedMessage):
    """An unreadable batch of bars."""


class BackendUnavailable(RatesError):
    """A backend of this system cannot be reached."""

    retryable = True


class CacheUnavailable(BackendUnavailable):
    """Redis cannot be reached or refuses."""


class QueueUnavailable(BackendUnavailable):
    """RabbitMQ cannot be reached or refuses."""


class DatabaseUnavailable(BackendUnavailable):
    """The database cannot be reached or refuses."""


class AccessUnavailable(BackendUnavailable):
    """Keys or tokens cannot be verified at present."""


class HistoryUnavailable(BackendUnavailable):
    """The stored history cannot be read, or this gateway has none."""


class SetupError(RatesError):
    """The process cannot start as configured."""


class InvalidSetting(SetupError):
    """An unusable setting.

    The message gives the variable, the value seen and the value expected.
    """

    def __init__(self, variable: str, seen: object, expected: str) -> None:
        self.variable, self.seen, self.expected = variable, seen, expected
        super().__init__(f"{variable}={str(seen)[:80]!r}: {expected}")


class MigrationFailed(SetupError):
    """The database cannot be migrated until an operator has acted."""


class PortInUse(SetupError):
    """Another process listens on the configured address."""

    def __init__(self, host: str, port: int, setting: str) -> None:
        self.host, self.port = host, port
        super().__init__(f"{host}:{port} is in use: stop what listens there or set {setting} to another port")


class InvalidRecording(SetupError):
    """An unreadable recording. The message gives the position and the expected content."""


def _hint(near: Sequence[str], sources: Sequence[str]) -> str:
    """Return the end of a message: the sources that have what was asked for, or similar names."""
    if sources:
        return f"; sources that have it: {', '.join(sources)}"
    return f"; near matches: {', '.join(near)}" if near else ""


def leaves(root: type[RatesError] = RatesError) -> Iterator[type[RatesError]]:
    """Iterate over all error classes without subclasses, depth first."""
    children = root.__subclasses__()
    if not children:
        yield root
    for child in children:
        yield from leaves(child)
