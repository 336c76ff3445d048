"""Answers rate queries from the mirror and the catalog, as plain values.

Knows no GraphQL and never waits.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from cache.source_rules import SourceStatus
from gateway.queries import unavailable
from gateway.queries.freshness import Freshness
from gateway.queries.identity import find_suspects, format_distance, is_apart
from gateway.queries.instrument_resolver import InstrumentResolver
from gateway.queries.price_basis import merged_price
from gateway.queries.rate import Rate, RateList, TtlBySource, UnavailableRate
from gateway.queries.rates_query import ANY_AGE, FreshnessPolicy, OnStale, RatesQuery, pick_rate
from gateway.queries.served_slots import ServedSlots
from gateway.queries.source_status_reader import SourceStatusReader
from gateway.state.catalog import InstrumentCatalog
from gateway.state.mirror import Mirror, TickerSlot
from gateway.state.position import Cursor, Positions, format_cursor
from instruments.instrument import Instrument
from rates.clock import Clock
from rates.errors import (
    CacheUnavailable,
    DatabaseUnavailable,
    InvalidArgument,
    RateNotSeen,
    RatesError,
    SourceDown,
)
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker, TickerKey
from runtime.clock.clock_state import ClockState

# Suggestions for unknown symbols per list: each costs about a millisecond.
NEAR_LOOKUPS = 3


class RateCandidate(NamedTuple):
    """A slot whose ticker may answer, and the largest age at which it satisfies the policy."""

    slot: TickerSlot
    max_age: timedelta


class RateReader:
    """Reads rates and source states at the present moment."""

    def __init__(
        self,
        mirror: Mirror,
        catalog: InstrumentCatalog,
        *,
        ttl: TtlBySource,
        preference: Sequence[Source],
        max_symbols: int,
        max_distance: Decimal,
        simulated: bool,
        clock: Clock,
        clock_state: ClockState | None = None,
        held_back: Callable[[], Mapping[Source, str]] = dict,
    ) -> None:
        self._mirror = mirror
        self.catalog = catalog
        """The tracked instruments."""
        self._ttl = ttl
        self._preference = tuple(preference)
        self.resolver = InstrumentResolver(catalog, preference)
        """Finds the instruments of queries."""
        self._max_symbols = max_symbols
        self._max_distance = max_distance
        self.now = clock
        """Returns the moment that answers given now are about."""
        self._sources = SourceStatusReader(
            mirror,
            catalog,
            ttl=ttl,
            preference=preference,
            simulated=simulated,
            clock_state=clock_state or ClockState(),
            held_back=held_back,
        )
        self.served_slots = ServedSlots(catalog, self.list_slots)
        """Finds the slots of the rates of symbols by their texts."""
        self._last_cursor: tuple[Cursor | None, str] = None, ""

    def check_loaded(self) -> None:
        """Check that the cache and the catalog have been loaded once.

        Raises:
            CacheUnavailable: the cache has not been loaded yet.
            DatabaseUnavailable: the tracked instruments have not been loaded yet.
        """
        if not self._mirror.loaded:
            raise CacheUnavailable(
                f"the cache has not been read yet ({self._mirror.last_error or 'starting'})"
            )
        if not self.catalog.loaded:
            raise DatabaseUnavailable(
                f"the tracked instruments have not been read yet ({self.catalog.last_error or 'starting'})"
            )

    def check_query(self, query: RatesQuery) -> None:
        """Check the number of symbols.

        Raises:
            InvalidArgument: more than the limit.
        """
        if query.symbols is not None:
            self.check_symbol_count(len(query.symbols))

    def check_symbol_count(self, count: int) -> None:
        """Check the number of symbols of a query.

        Raises:
            InvalidArgument: more than the limit.
        """
        if count > self._max_symbols:
            raise InvalidArgument.of_length("symbols", count, f"at most {self._max_symbols} values")

    def rate(
        self, symbol: Symbol, source: Source | None = None, policy: FreshnessPolicy = ANY_AGE
    ) -> Rate | None:
        """Return the first rate by preference that satisfies the policy.

        If none does, return the freshest relative to its TTL.

        Raises:
            UnknownSymbol, NotTrading, RateNotSeen, SourceDown: no source has a rate.
            RateStale: with `OnStale.ERROR`, no rate satisfies the policy.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self.check_loaded()
        now = self.now()
        sources = self.resolver.sources_for(symbol, source)
        seen = [rate for each in sources if (rate := self._read(TickerKey(each, symbol), now))]
        best = pick_rate((rate for rate in seen if self.is_near(rate.ticker, seen[0].ticker)), policy)
        if best is None:
            raise self._not_seen(symbol, sources)
        if policy.on_stale is OnStale.RETURN or policy.allows(best):
            return best
        if policy.on_stale is OnStale.ERROR:
            raise unavailable.too_old(best, policy)
        return None

    def rates(self, query: RatesQuery, policy: FreshnessPolicy = ANY_AGE) -> RateList:
        """Return every rate that answers the query, and the missing ones in `unavailable`.

        Raises:
            RateStale: with `OnStale.ERROR`, for the first rate that fails the policy.
            InvalidArgument: too many symbols.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self.check_loaded()
        self.check_query(query)
        now = self.now()
        keys, missing = self.resolver.resolve(query, lookups=NEAR_LOOKUPS)
        items: list[Rate] = []
        is_down = self._is_down_at(now)
        for key in keys:
            rate = self._read(key, now)
            if rate is None:
                missing.append(unavailable.unseen(key, is_down=is_down(key.source)))
            elif policy.on_stale is OnStale.RETURN or policy.allows(rate):
                items.append(rate)
            elif policy.on_stale is OnStale.ERROR:
                raise unavailable.too_old(rate, policy)
            else:
                missing.append(unavailable.withheld(rate, policy))
        return RateList(tuple(items), tuple(missing), self.cursor(), now)

    def cursor(self, position: Positions | None = None) -> str:
        """Return the cursor of the answers given now, or of `positions` only."""
        cursor = Cursor(self._mirror.positions if position is None else position, self.catalog.version)
        # Most cursors are asked for again before the next write.
        if self._last_cursor[0] != cursor:
            self._last_cursor = cursor, format_cursor(cursor)
        return self._last_cursor[1]

    @property
    def version(self) -> int:
        """A number that changes whenever any rate changes."""
        return self._mirror.version

    @property
    def ttl(self) -> TtlBySource:
        """The TTL of each source."""
        return self._ttl

    def list_slots(self, query: RatesQuery) -> tuple[list[TickerSlot], bool]:
        """Return the slots of the query's rates, and whether they cover everything requested.

        They do not where a requested instrument is not tracked or not traded.
        """
        keys, is_all = self.resolver.list_served(query)
        return list(map(self._mirror.slot, keys)), is_all

    def changed_slots(self, version: int) -> Iterable[TickerSlot] | None:
        """Return the slots of the rates changed since `version`; `None` if too many have."""
        return self._mirror.changed_slots(version)

    def unavailable(self, query: RatesQuery) -> tuple[UnavailableRate, ...]:
        """Return every requested instrument without a rate of any age."""
        keys, missing = self.resolver.resolve(query, lookups=NEAR_LOOKUPS)
        is_down = self._is_down_at(self.now())
        missing += (
            unavailable.unseen(key, is_down=is_down(key.source))
            for key in keys
            if self._mirror.read(key) is None
        )
        return tuple(missing)

    def candidates(
        self, symbol: Symbol, source: Source | None, policy: FreshnessPolicy
    ) -> list[RateCandidate]:
        """Return the slots that may answer, most preferred first.

        Raises:
            UnknownSymbol, NotTrading: no source serves the symbol.
        """
        found = []
        for each in self.resolver.sources_for(symbol, source):
            max_age = self._ttl[each] if policy.max_age is None else policy.max_age
            found.append(RateCandidate(self._mirror.slot(TickerKey(each, symbol)), max_age))
        return found

    def is_near(self, ticker: Ticker, preferred: Ticker) -> bool:
        """Whether a ticker may answer in place of that of the preferred source.

        Far from it, it may be of another asset.
        """
        return not is_apart(ticker.price, preferred.price, self._max_distance)

    def find_suspects(self, rates: Sequence[Rate]) -> dict[Source, str]:
        """Return the sources whose fresh rates may be of another asset, with the distance."""
        prices = {rate.ticker.key: merged_price(rate) for rate in rates if rate.freshness is Freshness.FRESH}
        if len(prices) < 2 or not is_apart(min(prices.values()), max(prices.values()), self._max_distance):
            return {}
        merged = self.catalog.merged_sources(rates[0].ticker.symbol)
        reviewed = {key: price for key, price in prices.items() if key.source in merged}
        unreviewed = {key: price for key, price in prices.items() if key.source not in merged}
        confirmed = {key for key in prices if self.catalog.tracked[key].is_confirmed}
        suspects = find_suspects(reviewed, unreviewed, self._max_distance) - confirmed
        return {key.source: format_distance(prices[key], prices.values()) for key in suspects}

    def instrument(self, symbol: Symbol, source: Source) -> Instrument:
        """Return a tracked instrument, traded or not.

        Raises:
            UnknownSymbol: the source does not track the symbol.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self.check_loaded()
        found = self.catalog.find(TickerKey(source, symbol))
        if found is None:
            raise self.resolver.unknown_symbol(symbol, (source,))
        return found

    def find_slot(self, key: TickerKey | None) -> TickerSlot | None:
        """Return the slot of an instrument's own rate; `None` where it is not served.

        An instrument with a suspected identity has one: asked for by name, its price is what it says.
        """
        if key is None:
            return None
        if key not in self.catalog.tracked:
            halted = self.catalog.halted.get(key)
            if halted is None or halted.halt is not None:
                return None
        return self._mirror.slot(key)

    def find_instrument(self, key: TickerKey) -> Instrument | None:
        """Return a tracked instrument, traded or not; `None` for another."""
        return self.catalog.find(key)

    def rates_of_asset(self, instrument: Instrument, policy: FreshnessPolicy) -> tuple[Rate, ...]:
        """Return the rates of its symbol from all sources that mean the same reviewed assets by it.

        Of an instrument that is not merged just its own.

        Raises:
            RateStale: as `rates`.
        """
        merged = self.catalog.merged_sources(instrument.symbol)
        sources = merged if instrument.source in merged else {instrument.source}
        asked = tuple(each for each in self._preference if each in sources)
        return self.rates(RatesQuery((instrument.symbol,), asked), policy).items

    def to_rates(self, tickers: Iterable[Ticker], now: datetime) -> tuple[Rate, ...]:
        """Tickers as rates at the same time."""
        return tuple([Rate(ticker, self._ttl[ticker.source], now) for ticker in tickers])

    def to_rate(self, ticker: Ticker, now: datetime) -> Rate:
        """Return the ticker as a rate at the moment `now`."""
        return Rate(ticker, self._ttl[ticker.source], now)

    def source_status(self, source: Source) -> SourceStatus:
        """Return the status of one source."""
        return self._sources.status(source, self.now())

    def sources(self) -> tuple[SourceStatus, ...]:
        """Return the status of every source, most preferred first."""
        return self._sources.statuses(self.now())

    def _read(self, key: TickerKey, now: datetime) -> Rate | None:
        ticker = self._mirror.read(key)
        return None if ticker is None else self.to_rate(ticker, now)

    def _not_seen(self, symbol: Symbol, sources: Sequence[Source]) -> RatesError:
        now = self.now()
        are_down = all(self._sources.is_down(source, now) for source in sources)
        return (SourceDown if are_down else RateNotSeen)(
            str(symbol), ", ".join(source.name for source in sources)
        )

    def _is_down_at(self, now: datetime) -> Callable[[Source], bool]:
        """Return a function that tells whether a source is down, computed once per source."""
        # Not `functools.cache`: to make one takes as long as to read a rate, and most callers never ask.
        known: dict[Source, bool] = {}

        def is_down(source: Source) -> bool:
            if source not in known:
                known[source] = self._sources.is_down(source, now)
            return known[source]

        return is_down
