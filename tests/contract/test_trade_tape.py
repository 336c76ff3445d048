"""Contract of the tape of trades, run against the Redis and in-memory implementations."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from cache.redis_client import RedisClient, open_redis
from history.redis_log import RedisBarLog
from history.redis_tape import RedisTradeTape
from history.trade import Side, Trade
from history.trade_tape import MemoryTradeTape, NewChunks, TapeChunk, TradeTape
from rates.redis_keys import RedisKeys
from rates.source import Source
from tests.contract.caches import BTC, ETH, IMPLEMENTATIONS, url_of
from tests.history.trades import at, trade

KEYS = RedisKeys(simulated=False)
LENGTH = 3


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


def chunk(*numbers: int, after: int | None = None) -> TapeChunk:
    """Return trades that are appended together."""
    return TapeChunk(tuple(trade(number, number) for number in numbers), after)


async def test_the_last_trades_are_kept_exactly(tape: TradeTape) -> None:
    """In their order, by instrument and source, and not more appends than the tape is long."""
    odd = Trade("a-1", Decimal("0.00000001"), Decimal("7.10"), at(3.000001), Side.SELL, 3)
    assert await tape.append(Source.BINANCE, "one", {BTC: chunk(1, 2), ETH: TapeChunk((odd,))})
    for chunks in ({BTC: chunk(3, after=2)}, {BTC: chunk(4, 5, 6, after=3)}, {BTC: chunk(7, after=6)}, {}):
        assert await tape.append(Source.BINANCE, "one", chunks)
    assert await tape.read(Source.BINANCE, BTC) == [trade(n, n) for n in range(3, 8)]
    assert await tape.read(Source.BINANCE, BTC, 9) == [trade(n, n) for n in range(3, 8)]
    assert await tape.read(Source.BINANCE, BTC, 2) == [trade(6, 6), trade(7, 7)]
    (found,) = await tape.read(Source.BINANCE, ETH, 9)
    assert found == odd
    assert str(found.quantity) == "7.10"
    assert await tape.read(Source.KRAKEN, BTC, 9) == []


async def test_a_trade_tells_that_others_may_be_missing_before_it(tape: TradeTape) -> None:
    """As where an append was lost, or the cache went back to an earlier state."""
    await tape.append(Source.BINANCE, "one", {BTC: chunk(1, 2)})
    await tape.append(Source.BINANCE, "one", {BTC: chunk(5, 6, after=4)})
    await tape.append(Source.BINANCE, "one", {BTC: chunk(7, after=6)})
    found = await tape.read(Source.BINANCE, BTC)
    assert [(one.id, one.after_gap) for one in found] == [
        (1, False),
        (2, False),
        (5, True),
        (6, False),
        (7, False),
    ]


async def test_only_the_holder_of_the_lease_writes(tape: TradeTape) -> None:
    """Two processes that fold the same trades do not tell them twice."""
    await tape.append(Source.KRAKEN, "two", {BTC: chunk(1)})
    if not isinstance(tape, MemoryTradeTape):
        assert not await tape.append(Source.KRAKEN, "another", {BTC: chunk(1)})
    assert await tape.read(Source.KRAKEN, BTC, 9) == [trade(1, 1)]


async def test_what_is_appended_is_received(tape: TradeTape) -> None:
    """Of one source, and only of the symbols that are wanted at that time; each once, in order."""
    wanted = {BTC}
    received: list[NewChunks] = []
    async with tape.follow(Source.BINANCE, wanted) as appends:

        async def read(count: int) -> None:
            async for chunks in appends:
                if chunks:
                    received.append(chunks)
                if len(received) == count:
                    return

        await tape.append(Source.KRAKEN, "two", {BTC: chunk(9)})
        await tape.append(Source.BINANCE, "one", {BTC: chunk(1, 2), ETH: chunk(5)})
        await tape.append(Source.BINANCE, "one", {ETH: chunk(6, after=5)})
        await tape.append(Source.BINANCE, "one", {BTC: chunk(3, after=2)})
        async with asyncio.timeout(30):
            await read(2)
        wanted.add(ETH)
        await tape.append(Source.BINANCE, "one", {ETH: chunk(7, after=6)})
        async with asyncio.timeout(30):
            await read(3)
    assert received == [{BTC: chunk(1, 2)}, {BTC: chunk(3, after=2)}, {ETH: chunk(7, after=6)}]
