"""Computes the consensus of the sources that track a symbol, from the mirror. Never waits."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from gateway.queries import unavailable
from gateway.queries.consensus.query import ConsensusQuery
from gateway.queries.consensus.rate import ConsensusRate, ExclusionReason
from gateway.queries.consensus.rates_query import ConsensusRateList, ConsensusRatesQuery
from gateway.queries.consensus.weighing import SourceRate, weigh
from gateway.queries.rate import UnavailableRate
from gateway.queries.rate_reader import NEAR_LOOKUPS, RateReader
from gateway.state.catalog import InstrumentCatalog
from gateway.state.mirror import Mirror
from rates.clock import Clock
from rates.source import Source
from rates.ticker import Ticker, TickerKey


class ConsensusReader:
    """Computes consensuses. `preference` lists all sources, most preferred first."""

    def __init__(
        self,
        rates: RateReader,
        mirror: Mirror,
        catalog: InstrumentCatalog,
        *,
        preference: Sequence[Source],
        max_distance: Decimal,
        clock: Clock,
    ) -> None:
        self._rates = rates
        self._mirror = mirror
        self._catalog = catalog
        self._preference = tuple(preference)
        self._max_distance = max_distance
        self._clock = clock

    def consensus(self, query: ConsensusQuery) -> ConsensusRate:
        """The consensus at this time.

        Raises:
            UnknownSymbol: none of the sources lists the symbol.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self.check(query)
        return self.weigh(query)

    def consensus_rates(self, query: ConsensusRatesQuery) -> ConsensusRateList:
        """The consensus of each symbol at this time, and the unknown symbols.

        Raises:
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self._rates.check_loaded()
        now = self._clock()
        items: list[ConsensusRate] = []
        unknown: list[ConsensusQuery] = []
        for each in query.queries:
            if self.is_known(each):
                items.append(self.weigh(each, now))
            else:
                unknown.append(each)
        return ConsensusRateList(tuple(items), self.explain_unknown(unknown, lookups=NEAR_LOOKUPS), now)

    def check(self, query: ConsensusQuery) -> None:
        """Raise what `consensus` would raise."""
        self._rates.check_loaded()
        if not self.is_known(query):
            raise self._rates.resolver.unknown_symbol(query.symbol, query.sources or self._preference)

    def is_known(self, query: ConsensusQuery) -> bool:
        """Whether any of the sources lists the symbol, traded or not."""
        asked = query.sources or self._preference
        return any(self._catalog.is_listed(TickerKey(each, query.symbol)) for each in asked)

    def explain_unknown(
        self, queries: Iterable[ConsensusQuery], *, lookups: int = 0
    ) -> tuple[UnavailableRate, ...]:
        """Return why the symbols have no consensus, with similar symbols for so many of them."""
        found: list[UnavailableRate] = []
        for each in queries:
            asked = each.sources or self._preference
            error = self._rates.resolver.unknown_symbol(each.symbol, asked, suggests=lookups > 0)
            lookups -= not error.sources
            found.append(unavailable.unknown(each.symbol, None, error))
        return tuple(found)

    def list_keys(self, query: ConsensusQuery) -> list[TickerKey]:
        """Return the reported instruments: those of named sources, else those that are listed."""
        keys = [TickerKey(each, query.symbol) for each in query.sources or self._preference]
        return [key for key in keys if query.sources or self._catalog.is_listed(key)]

    def weigh(
        self,
        query: ConsensusQuery,
        now: datetime | None = None,
        tickers: Mapping[TickerKey, Ticker] | None = None,
    ) -> ConsensusRate:
        """The consensus at this time, without the checks.

        INSUFFICIENT where no source has a rate.

        `tickers`: those of another time.
        """
        now = now or self._clock()
        read = self._mirror.read if tickers is None else tickers.get
        asked = self.list_keys(query)
        first = next((key for key in asked if key in self._catalog.tracked), None)
        source_rates = {key.source: self._read(key, first, now, read) for key in asked}
        return weigh(query, source_rates, now, max_distance=self._max_distance)

    def _read(
        self,
        key: TickerKey,
        first: TickerKey | None,
        now: datetime,
        read: Callable[[TickerKey], Ticker | None],
    ) -> SourceRate:
        if key not in self._catalog.tracked:
            return SourceRate(None, self._rates.resolver.explain_unavailable(key))
        ticker = read(key)
        rate = None if ticker is None else self._rates.to_rate(ticker, now)
        return SourceRate(
            rate, identity=self._identity(key, first), is_confirmed=self._catalog.tracked[key].is_confirmed
        )

    def _identity(self, key: TickerKey, first: TickerKey | None) -> ExclusionReason | None:
        """Return why the rate may not be merged with those of other sources; `None` if it may."""
        merged = self._catalog.merged_sources(key.symbol)
        if key.source in merged:
            return None
        if not merged and key == first:
            # Alone it is merged with nothing.
            return None
        is_reviewed = self._catalog.tracked[key].is_reviewed
        return ExclusionReason.OTHER_ASSET if is_reviewed else ExclusionReason.UNREVIEWED
