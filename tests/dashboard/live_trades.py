"""Trades that a test makes, in the log of bars and on the tape, as a push feed writes them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from itertools import count
from uuid import uuid4

from cache.redis_client import RedisClient
from history.bar_writer import BarWriter
from history.redis_log import RedisBarLog
from history.redis_tape import RedisTradeTape
from history.trade import Side, Trade
from history.trade_fold import TradeFold
from rates.clock import utc_now
from rates.redis_keys import RedisKeys
from rates.source import Source
from rates.symbol import parse_symbol
from tests.gateway.fakes import wait_until

_numbers = count(1)


class LiveTrades:
    """One feed of a source for some instruments."""

    def __init__(self, redis: RedisClient, source: Source, *symbols: str) -> None:
        keys = RedisKeys(simulated=True)
        self._symbols = [parse_symbol(each) for each in symbols]
        self._fold = TradeFold(source, uuid4().hex, max_skew=timedelta(seconds=10), simulated=True)
        self._writer = BarWriter(
            self._fold,
            RedisBarLog(redis, keys),
            tracked=lambda: self._symbols,
            clock=utc_now,
            tape=RedisTradeTape(redis, keys),
        )

    def trade(self, symbol: str, price: str, quantity: str = "0.5", side: Side = Side.BUY) -> None:
        """Make a trade now."""
        now = utc_now()
        made = Trade(next(_numbers), Decimal(price), Decimal(quantity), now, side, 1)
        self._fold.fold(parse_symbol(symbol), [made], now)

    async def run(self) -> None:
        """Write what was made, until cancelled."""
        await self._writer.run()

    @property
    def is_writing(self) -> bool:
        """Whether this feed has the lease. What is traded before is not told."""
        return self._writer.has_lease


@asynccontextmanager
async def trading(redis: RedisClient, source: Source, *symbols: str) -> AsyncIterator[LiveTrades]:
    """Keep a feed open."""
    trades = LiveTrades(redis, source, *symbols)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(trades.run())
        try:
            await wait_until(lambda: trades.is_writing)
            yield trades
        finally:
            task.cancel()
