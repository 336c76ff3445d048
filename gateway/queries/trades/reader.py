"""Answers queries for the last trades from the tape."""

import asyncio
from typing import NamedTuple

from gateway.queries.candles.series_index import SeriesIndex
from history.trade import Trade
from history.trade_tape import TAPE_LENGTH, TradeTape
from rates.errors import CacheUnavailable, HistoryUnavailable, InvalidArgument
from rates.ticker import TickerKey

DEFAULT_TRADES = 50
TIMEOUT_S = 2.0
# Reads of the tape at once. Others wait.
MAX_READS = 16


class TradesQuery(NamedTuple):
    """The last trades of an instrument."""

    key: TickerKey
    last: int = DEFAULT_TRADES


class TradesReader:
    """Reads trades. `tape` is `None` in a gateway without a history."""

    def __init__(self, tape: TradeTape | None, index: SeriesIndex) -> None:
        self._tape, self._index = tape, index
        self._free = asyncio.Semaphore(MAX_READS)

    async def read(self, query: TradesQuery) -> list[Trade]:
        """Return the trades, the newest last.

        Raises:
            InvalidArgument: the number is out of range.
            UnknownSymbol: the source does not track the symbol.
            HistoryUnavailable: there is no tape, or it cannot be read in time.
        """
        if not 1 <= query.last <= TAPE_LENGTH:
            raise InvalidArgument("last", query.last, f"1 to {TAPE_LENGTH}")
        self._index.require_tracked(query.key)
        if self._tape is None:
            raise HistoryUnavailable("this gateway has no trades")
        try:
            async with asyncio.timeout(TIMEOUT_S), self._free:
                return await self._tape.read(query.key.source, query.key.symbol, query.last)
        except (CacheUnavailable, TimeoutError) as exc:
            # What the client of Redis says names hosts.
            raise HistoryUnavailable("the trades could not be read: try again later") from exc
