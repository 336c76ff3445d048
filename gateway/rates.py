"""Answers questions from the mirror and the catalogue as plain values. Knows nothing of GraphQL and waits for nothing."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from gateway.catalog import InstrumentCatalog
from gateway.cursor import Cursor, Position, format_cursor
from gateway.freshness import meets
from gateway.mirror import Cell, Mirror
from gateway.rate import OnStale, Rate, RateList, TtlBySource, UnavailableRate, UnavailableReason
from gateway.source_health import SourceFacts, SourceState, SourceStatus, assess
from instruments.instrument import Instrument
from rates.clock import Clock, format_span_ms
from rates.errors import (
    CacheUnavailable,
    DatabaseUnavailable,
    InvalidArgument,
    NotTrading,
    RateNotSeen,
    RatesError,
    RateStale,
    SourceDown,
    UnknownSymbol,
)
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker, TickerKey

# A list of unknown symbols gets near matches for this many only: each costs about a millisecond.
NEAR_LOOKUPS = 3
_DOWN = (SourceState.DOWN, SourceState.BLOCKED)


class Demand(NamedTuple):
    """How fresh an answer must be, `None` for the source's own time to live, and what becomes of one that is not."""

    max_age: timedelta | None = None
    on_stale: OnStale = OnStale.RETURN


ANY_AGE = Demand()


class Question(msgspec.Struct, frozen=True, cache_hash=True):
    """What `rates` asks for; `None` for all that is tracked. Looked up for every answer, so it is hashed once."""

    symbols: tuple[Symbol, ...] | None = None
    sources: tuple[Source, ...] | None = None


class Place(NamedTuple):
    """Where a rate is, and up to which age it meets a demand."""

    cell: Cell
    max_age: timedelta


class Rates:
    """The gateway's knowledge of rates and sources at the present moment."""

    def __init__(
        self,
        mirror: Mirror,
        catalog: InstrumentCatalog,
        *,
        ttl: TtlBySource,
        preference: Sequence[Source],
        max_symbols: int,
        simulated: bool,
        clock: Clock,
    ) -> None:
        self._mirror = mirror
        self._catalog = catalog
        self._ttl = ttl
        self._preference = tuple(preference)
        self._max_symbols = max_symbols
        self._simulated = simulated
        self._clock = clock
        self._last_cursor: tuple[Cursor | None, str] = None, ""

    def check_loaded(self) -> None:
        """Refuse to guess before cache and catalogue have been read once.

        Raises:
            CacheUnavailable, DatabaseUnavailable: not read yet.
        """
        if not self._mirror.loaded:
            raise CacheUnavailable(
                f"the cache has not been read yet ({self._mirror.last_error or 'starting'})"
            )
        if not self._catalog.loaded:
            raise DatabaseUnavailable(
                f"the tracked instruments have not been read yet ({self._catalog.last_error or 'starting'})"
            )

    def check_question(self, question: Question) -> None:
        """Refuse more symbols than the limit.

        Raises:
            InvalidArgument: too many.
        """
        if question.symbols is not None and len(question.symbols) > self._max_symbols:
            raise InvalidArgument(
                "symbols", f"{len(question.symbols)} symbols", f"at most {self._max_symbols}"
            )

    def sources_for(self, symbol: Symbol, source: Source | None) -> list[Source]:
        """The sources that may answer, most preferred first.

        Raises:
            UnknownSymbol: none tracks it.
            NotTrading: none that tracks it trades it.
        """
        asked = self._preference if source is None else (source,)
        tracking = self._catalog.sources_of(symbol)
        if found := [each for each in asked if each in tracking]:
            return found
        if halted := self._halted(symbol, asked):
            raise _not_trading(halted[0])
        raise UnknownSymbol(str(symbol), near=self._catalog.near(symbol, asked))

    def rate(self, symbol: Symbol, source: Source | None = None, demand: Demand = ANY_AGE) -> Rate | None:
        """The first rate by preference that meets the demand, else the one that has used up least of its time to live.

        Raises:
            UnknownSymbol, NotTrading, RateNotSeen, SourceDown, RateStale: as the names say.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self.check_loaded()
        now = self._clock()
        sources = self.sources_for(symbol, source)
        seen = [rate for each in sources if (rate := self._read(TickerKey(each, symbol), now))]
        if not seen:
            raise self._not_seen(symbol, sources)
        for rate in seen:
            if _satisfies(rate, demand):
                return rate
        best = min(seen, key=lambda rate: rate.age / rate.ttl)
        if demand.on_stale is OnStale.ERROR:
            raise _stale(best, demand)
        return None if demand.on_stale is OnStale.NULL else best

    def rates(self, question: Question, demand: Demand = ANY_AGE) -> RateList:
        """Every rate that answers, and in `unavailable` everything asked for that none answers.

        Raises:
            RateStale: with `OnStale.ERROR`, for the first stale one.
            InvalidArgument: too many symbols.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self.check_loaded()
        self.check_question(question)
        now = self._clock()
        keys, unavailable = self._resolve(question)
        items: list[Rate] = []
        is_down = self._memoised_down()
        for key in keys:
            rate = self._read(key, now)
            if rate is None:
                unavailable.append(_missing(key, down=is_down(key.source)))
            elif demand.on_stale is OnStale.RETURN or _satisfies(rate, demand):
                items.append(rate)
            elif demand.on_stale is OnStale.ERROR:
                raise _stale(rate, demand)
            else:
                unavailable.append(_withheld(rate, demand))
        return RateList(tuple(items), tuple(unavailable), self.cursor())

    def cursor(self, position: Position | None = None) -> str:
        """Up to where the writes of all sources are in the answers given now, or up to `position` only."""
        cursor = Cursor(self._mirror.position if position is None else position, self._catalog.version)
        # Most are asked for again before anything is written.
        if self._last_cursor[0] != cursor:
            self._last_cursor = cursor, format_cursor(cursor)
        return self._last_cursor[1]

    @property
    def moves(self) -> int:
        """Another number whenever any rate is another."""
        return self._mirror.moves

    @property
    def tracked_version(self) -> str:
        """Names the set of tracked instruments."""
        return self._catalog.version

    def now(self) -> datetime:
        """The moment that answers given now are about."""
        return self._clock()

    def list_cells(self, question: Question) -> tuple[list[Cell], bool]:
        """Where the rates that answer the question are, by the present catalogue; and whether that is all that was asked: some of
        it may be not tracked or not traded.
        """
        asked, halted = self._asked(question), self._catalog.halted
        if question.symbols is None:
            cells = [self._mirror.cell(key) for key in self._catalog.tracked if key.source in asked]
            return cells, not any(key.source in asked for key in halted)
        cells, is_all = [], True
        for symbol in dict.fromkeys(question.symbols):
            tracking = self._catalog.sources_of(symbol)
            found = [TickerKey(source, symbol) for source in asked if source in tracking]
            is_told = bool(found) and (question.sources is None or len(found) == len(asked))
            is_all = is_all and is_told and not (halted and self._halted(symbol, asked))
            cells += map(self._mirror.cell, found)
        return cells, is_all

    def unavailable(self, question: Question) -> tuple[UnavailableRate, ...]:
        """Everything asked for that no rate answers, however old."""
        keys, unavailable = self._resolve(question)
        return (*unavailable, *self._unseen(keys))

    def gone(self, key: TickerKey) -> UnavailableRate:
        """Why an instrument that is not answered is not: its source does not trade it, or it is not tracked."""
        halted = self._catalog.halted.get(key)
        return untracked(key) if halted is None else _halted_rate(halted)

    def places(self, symbol: Symbol, source: Source | None, demand: Demand) -> list[Place]:
        """Where the rates are that may answer, by the present catalogue, most preferred first.

        Raises:
            UnknownSymbol, NotTrading: none.
        """
        return [
            Place(
                self._mirror.cell(TickerKey(each, symbol)),
                self._ttl[each] if demand.max_age is None else demand.max_age,
            )
            for each in self.sources_for(symbol, source)
        ]

    def present_at(self, ticker: Ticker, now: datetime) -> Rate:
        """A ticker as a rate at that moment."""
        return Rate(ticker, self._ttl[ticker.source], now)

    def present(self, tickers: Iterable[Ticker]) -> tuple[Rate, ...]:
        """Tickers as rates at this moment."""
        now = self._clock()
        return tuple(self.present_at(ticker, now) for ticker in tickers)

    def sources(self) -> tuple[SourceStatus, ...]:
        """How every source is doing, most preferred first."""
        now = self._clock()
        return tuple(self._status(source, now) for source in self._preference)

    def _resolve(self, question: Question) -> tuple[list[TickerKey], list[UnavailableRate]]:
        """The instruments that a question means and that are answered, and what of it is not tracked or not traded."""
        asked = self._asked(question)
        if question.symbols is None:
            halted = [each for key, each in self._catalog.halted.items() if key.source in asked]
            keys = [key for key in self._catalog.tracked if key.source in asked]
            return keys, list(map(_halted_rate, halted))
        keys = []
        unavailable: list[UnavailableRate] = []
        lookups = NEAR_LOOKUPS
        for symbol in dict.fromkeys(question.symbols):
            tracking = self._catalog.sources_of(symbol)
            found = [TickerKey(source, symbol) for source in asked if source in tracking]
            keys += found
            if question.sources is not None and found:
                # Who names sources wants to hear of each; who leaves them out wants the symbol from whoever has it.
                missing = [TickerKey(each, symbol) for each in asked if each not in tracking]
                unavailable += map(self.gone, missing)
                continue
            halted = self._halted(symbol, asked)
            unavailable += map(_halted_rate, halted)
            if not found and not halted:
                near = self._catalog.near(symbol, asked) if lookups > 0 else ()
                lookups -= 1
                message = str(UnknownSymbol(str(symbol), near=near))
                unavailable.append(UnavailableRate(symbol, None, UnavailableReason.UNKNOWN_SYMBOL, message))
        return keys, unavailable

    def _halted(self, symbol: Symbol, asked: Iterable[Source]) -> list[Instrument]:
        keys = (TickerKey(each, symbol) for each in asked)
        return [found for key in keys if (found := self._catalog.halted.get(key))]

    def _asked(self, question: Question) -> tuple[Source, ...]:
        return self._preference if question.sources is None else tuple(dict.fromkeys(question.sources))

    def _unseen(self, keys: Iterable[TickerKey]) -> list[UnavailableRate]:
        is_down = self._memoised_down()
        return [_missing(key, down=is_down(key.source)) for key in keys if self._mirror.read(key) is None]

    def _read(self, key: TickerKey, now: datetime) -> Rate | None:
        ticker = self._mirror.read(key)
        return None if ticker is None else Rate(ticker, self._ttl[key.source], now)

    def _not_seen(self, symbol: Symbol, sources: Sequence[Source]) -> RatesError:
        is_down = self._memoised_down()
        if all(is_down(source) for source in sources):
            return SourceDown(str(symbol), ", ".join(source.name for source in sources))
        return RateNotSeen(str(symbol), ", ".join(source.name for source in sources))

    def _memoised_down(self) -> Callable[[Source], bool]:
        """Whether a source is down, worked out once per source for one answer."""
        known: dict[Source, bool] = {}

        def is_down(source: Source) -> bool:
            if source not in known:
                known[source] = self._status(source, self._clock()).state in _DOWN
            return known[source]

        return is_down

    def _status(self, source: Source, now: datetime) -> SourceStatus:
        part, ttl = self._mirror.sources[source], self._ttl[source]
        tracked = [key for key in self._catalog.tracked if key.source is source]
        rates = [rate for key in tracked if (rate := self._read(key, now))]
        facts = SourceFacts(
            source=source,
            reports=part.reports(now),
            last=part.newest,
            latest_observed_at=part.latest_observed_at,
            tickers_per_minute=part.tickers_per_minute(now),
            tracked=len(tracked),
            halted=sum(key.source is source for key in self._catalog.halted),
            seen=len(rates),
            fresh=sum(meets(rate.age, ttl) for rate in rates),
            ttl=ttl,
            simulated=self._simulated,
            cut_off=self._cut_off(),
        )
        return assess(facts, now)

    def _cut_off(self) -> str | None:
        since = self._mirror.disconnected_at
        if since is None:
            return None
        return f"the cache is out of reach since {since.isoformat(timespec='seconds')}"


def untracked(key: TickerKey) -> UnavailableRate:
    """That a symbol is not tracked from a source, though perhaps from another."""
    message = f"{key.symbol} is not tracked from {key.source.name}"
    return UnavailableRate(key.symbol, key.source, UnavailableReason.UNKNOWN_SYMBOL, message)


def _halted_rate(halted: Instrument) -> UnavailableRate:
    message = str(_not_trading(halted))
    return UnavailableRate(halted.symbol, halted.source, UnavailableReason.NOT_TRADING, message)


def _not_trading(halted: Instrument) -> NotTrading:
    assert halted.halt is not None, "the catalogue keeps those without a halt apart"
    symbol, halt = str(halted.symbol), halted.halt
    return NotTrading(symbol, halted.source.name, word=halt.word, since=halt.since)


def _satisfies(rate: Rate, demand: Demand) -> bool:
    return meets(rate.age, _max_age(rate, demand))


def _max_age(rate: Rate, demand: Demand) -> timedelta:
    return rate.ttl if demand.max_age is None else demand.max_age


def _stale(rate: Rate, demand: Demand) -> RateStale:
    max_age_ms = format_span_ms(_max_age(rate, demand))
    ticker = rate.ticker
    return RateStale(str(ticker.symbol), ticker.source.name, age_ms=rate.age_ms, max_age_ms=max_age_ms)


def _withheld(rate: Rate, demand: Demand) -> UnavailableRate:
    message = str(_stale(rate, demand))
    return UnavailableRate(rate.ticker.symbol, rate.ticker.source, UnavailableReason.STALE, message)


def _missing(key: TickerKey, *, down: bool) -> UnavailableRate:
    error = (SourceDown if down else RateNotSeen)(str(key.symbol), key.source.name)
    reason = UnavailableReason.SOURCE_DOWN if down else UnavailableReason.NOT_YET_SEEN
    return UnavailableRate(key.symbol, key.source, reason, str(error))
