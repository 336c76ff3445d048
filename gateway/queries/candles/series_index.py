"""The instruments with a history, and their numbers in the database."""

from collections.abc import Mapping, Sequence
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
        if found is None and await self._refresh(self._storage):
            found = self._look_up(symbol, asked)
        if found is not None:
            return found, self._known[found]
        key = self.find_tracked(symbol, asked)
        if key is not None:
            return key, None
        raise self._rates.resolver.unknown_symbol(symbol, asked)

    def find_tracked(self, symbol: Symbol, asked: Sequence[Source] | None = None) -> TickerKey | None:
        """Return the instrument of the first of the sources that tracks the symbol, traded or not."""
        keys = (TickerKey(each, symbol) for each in asked or self._preference)
        return next((key for key in keys if self._catalog.is_listed(key)), None)

    def require_tracked(self, key: TickerKey) -> None:
        """Check that a source tracks a symbol, traded or not.

        Raises:
            UnknownSymbol: it does not.
        """
        self._rates.check_loaded()
        if not self._catalog.is_listed(key):
            raise self._rates.resolver.unknown_symbol(key.symbol, (key.source,))

    def list_symbols(self) -> tuple[Symbol, ...]:
        """Return all tracked symbols that are traded, in order."""
        self._rates.check_loaded()
        return tuple(dict.fromkeys(key.symbol for key in self._catalog.tracked))

    async def list_first(self) -> dict[Symbol, tuple[TickerKey, int]]:
        """Return the first instrument by preference of each symbol with a history, and its number.

        Raises:
            HistoryUnavailable: this gateway has no history.
            DatabaseUnavailable: the database cannot be reached.
        """
        known = await self.list_numbers()
        ranks = {source: rank for rank, source in enumerate(self._preference)}
        found: dict[Symbol, tuple[TickerKey, int]] = {}
        for key in sorted(known, key=lambda key: ranks[key.source]):
            found.setdefault(key.symbol, (key, known[key]))
        return found

    async def list_numbers(self) -> Mapping[TickerKey, int]:
        """Return the number of each instrument with a history.

        Raises:
            HistoryUnavailable: this gateway has no history.
            DatabaseUnavailable: the database cannot be reached.
        """
        if self._storage is None:
            raise HistoryUnavailable("this gateway has no database of the history")
        await self._refresh(self._storage)
        return self._known

    async def _refresh(self, storage: CandleStorage) -> bool:
        """Read the instruments, unless that was just done."""
        now = self._clock()
        if self._read_at is not None and now - self._read_at < REFRESH:
            return False
        self._known = await storage.read_series()
        self._read_at = now
        return True

    def _look_up(self, symbol: Symbol, asked: Sequence[Source]) -> TickerKey | None:
        keys = (TickerKey(each, symbol) for each in asked)
        return next((key for key in keys if key in self._known), None)
