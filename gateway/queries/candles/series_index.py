"""The instruments with a history, and their numbers in the database."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.queries.candles.storage import CandleStorage
from gateway.queries.rate_reader import RateReader
from gateway.state.catalog import InstrumentCatalog
from rates.clock import Clock
from rates.errors import HistoryUnavailable
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey

# Instruments are added, and never removed. One that was missing may have been added since.
REFRESH = timedelta(seconds=5)


class SeriesIndex:
    """Finds the instruments of queries, in what was last read of the database.

    `storage` is `None` in a gateway without a history.
    """

    def __init__(
        self,
        storage: CandleStorage | None,
        rates: RateReader,
        catalog: InstrumentCatalog,
        *,
        preference: Sequence[Source],
        clock: Clock,
    ) -> None:
        self._storage, self._rates, self._catalog = storage, rates, catalog
        self._preference, self._clock = tuple(preference), clock
        self._known: dict[TickerKey, int] = {}
        self._read_at: datetime | None = None

    async def find(self, symbol: Symbol, source: Source | None) -> tuple[TickerKey, int | None]:
        """Return the first instrument by preference, and its number if it has a history.

        Raises:
            HistoryUnavailable: this gateway has no history.
            UnknownSymbol: no source tracks the symbol, and none has a history of it.
            DatabaseUnavailable: the database cannot be reached.
        """
        self._rates.check_loaded()
        if self._storage is None:
            raise HistoryUnavailable("this gateway has no database of the history")
        asked = self._preference if source is None else (source,)
        found = self._look_up(symbol, asked)
        now = self._clock()
        if found is None and (self._read_at is None or now - self._read_at >= REFRESH):
            self._known = await self._storage.read_series()
            self._read_at = now
            found = self._look_up(symbol, asked)
        if found is not None:
            return found, self._known[found]
        for each in asked:
            if self._catalog.is_listed(key := TickerKey(each, symbol)):
                return key, None
        raise self._rates.resolver.unknown_symbol(symbol, asked)

    def _look_up(self, symbol: Symbol, asked: Sequence[Source]) -> TickerKey | None:
        keys = (TickerKey(each, symbol) for each in asked)
        return next((key for key in keys if key in self._known), None)
