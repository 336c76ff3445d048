"""The instruments with a history, and their numbers in the database."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.queries.candles.storage import CandleStorage
from rates.clock import Clock
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey

# Instruments are added, and never removed. One that was missing may have been added since.
REFRESH = timedelta(seconds=5)


class SeriesIndex:
    """Finds instruments in what was last read of the database."""

    def __init__(self, storage: CandleStorage, preference: Sequence[Source], clock: Clock) -> None:
        self._storage, self._preference, self._clock = storage, tuple(preference), clock
        self._known: dict[TickerKey, int] = {}
        self._read_at: datetime | None = None

    async def find(self, symbol: Symbol, source: Source | None) -> tuple[TickerKey, int] | None:
        """Return the instrument, without a source the first by preference; `None` if there is none.

        Raises:
            DatabaseUnavailable: the database cannot be reached.
        """
        found = self._look_up(symbol, source)
        now = self._clock()
        if found is None and (self._read_at is None or now - self._read_at >= REFRESH):
            self._known = await self._storage.read_series()
            self._read_at = now
            found = self._look_up(symbol, source)
        return found

    def _look_up(self, symbol: Symbol, source: Source | None) -> tuple[TickerKey, int] | None:
        for each in self._preference if source is None else (source,):
            key = TickerKey(each, symbol)
            if (number := self._known.get(key)) is not None:
                return key, number
        return None
