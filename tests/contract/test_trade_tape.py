"""Contract of the tape of trades, run against the Redis and in-memory implementations."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from cache.redis_client import RedisClient, open_redis
from history.redis_log import RedisBarLog
from history.redis_tape import RedisTradeTape
from history.trade import Side, Trade
from history.trade_tape import MemoryTradeTape, TradeTape
from rates.redis_keys import RedisKeys
from rates.source import Source
from tests.contract.caches import BTC, ETH, IMPLEMENTATIONS, url_of
from tests.history.trades import at, trade

KEYS = RedisKeys(simulated=False)
LENGTH = 5


@pytest.fixture(params=IMPLEMENTATIONS)
async def tape(request: pytest.FixtureRequest) -> AsyncIterator[TradeTape]:
    """A tape whose writer has the lease."""
    if request.param == "memory":
        yield MemoryTradeTape(length=LENGTH)
        return
    redis: RedisClient = open_redis(url_of(request))
    await redis.flushall()
    assert await RedisBarLog(redis, KEYS).claim(Source.BINANCE, "one")
    assert await RedisBarLog(redis, KEYS).claim(Source.KRAKEN, "two")
    yield RedisTradeTape(redis, KEYS, length=LENGTH)
    await redis.aclose()


async def test_the_last_trades_are_kept_exactly(tape: TradeTape) -> None:
    """In their order, by instrument and source, and not more than the tape is long."""
    odd = Trade("a-1", Decimal("0.00000001"), Decimal("7.10"), at(3.000001), Side.SELL, 3)
    await tape.append(Source.BINANCE, "one", {BTC: [trade(1, 1), trade(2, 2)], ETH: [odd]})
    await tape.append(Source.BINANCE, "one", {BTC: [trade(n, n) for n in range(3, 8)]})
    await tape.append(Source.BINANCE, "one", {})
    assert await tape.read(Source.BINANCE, BTC, 9) == [trade(n, n) for n in range(3, 8)]
    assert await tape.read(Source.BINANCE, BTC, 2) == [trade(6, 6), trade(7, 7)]
    (found,) = await tape.read(Source.BINANCE, ETH, 9)
    assert found == odd
    assert str(found.quantity) == "7.10"
    assert await tape.read(Source.KRAKEN, BTC, 9) == []


async def test_only_the_holder_of_the_lease_writes(tape: TradeTape) -> None:
    """Two processes that fold the same trades do not tell them twice."""
    await tape.append(Source.KRAKEN, "two", {BTC: [trade(1, 1)]})
    if not isinstance(tape, MemoryTradeTape):
        await tape.append(Source.KRAKEN, "another", {BTC: [trade(1, 1)]})
    assert await tape.read(Source.KRAKEN, BTC, 9) == [trade(1, 1)]
