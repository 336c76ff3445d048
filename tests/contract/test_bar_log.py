"""Contract of the log of bars, run against the Redis and in-memory implementations."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from cache.redis_client import RedisClient, open_redis
from history.bar import bar_of
from history.batch import BarBatch, InstrumentBar, InstrumentEnd, InstrumentStart, TradePosition
from history.coverage import GapReason
from history.instrument_coverage import CoverageEnd, CoverageStart
from history.memory_log import MemoryBarLog
from history.ports import BarLog
from history.redis_limits import LEASE
from history.redis_log import RedisBarLog
from history.second_fold import SecondBar
from rates.errors import CacheUnavailable
from rates.redis_keys import RedisKeys
from rates.source import Source
from tests.contract.caches import BTC, ETH, IMPLEMENTATIONS, url_of
from tests.history.trades import at, trade
from tests.pipeline.fakes import FakeClock

KEYS = RedisKeys(simulated=False)


class Logs:
    """Two clients of one log, and a way to let a lease run out."""

    def __init__(
        self, one: BarLog, other: BarLog, *, clock: FakeClock | None, redis: RedisClient | None
    ) -> None:
        self.one, self.other, self._clock, self._redis = one, other, clock, redis

    async def end_lease(self) -> None:
        """Let more time pass than a lease lasts."""
        if self._clock is not None:
            self._clock.advance(seconds=LEASE.total_seconds() + 1)
        if self._redis is not None:
            await self._redis.pexpire(KEYS.bars_lease(Source.BINANCE), 0)


@pytest.fixture(params=IMPLEMENTATIONS)
async def logs(request: pytest.FixtureRequest) -> AsyncIterator[Logs]:
    """Two clients that share a log."""
    if request.param == "memory":
        clock = FakeClock()
        log = MemoryBarLog(clock)
        yield Logs(log, log, clock=clock, redis=None)
        return
    clients = [open_redis(url_of(request)) for _ in range(2)]
    await clients[0].flushall()
    yield Logs(*(RedisBarLog(one, KEYS) for one in clients), clock=None, redis=clients[0])
    for one in clients:
        await one.aclose()


def batch(number: int, session: str = "one", source: Source = Source.BINANCE) -> BarBatch:
    """Return a batch with something of everything."""
    bar = bar_of(trade(number, number, "0.00000001", "1234567.10"))
    closed, forming = (
        InstrumentBar(BTC, SecondBar(at(number), bar, 2)),
        InstrumentBar(ETH, SecondBar(at(number), bar)),
    )
    return BarBatch(
        source=source,
        session=session,
        number=number,
        folded_at=at(number + 1.2),
        closed=(closed,),
        forming=(forming,),
        spans=(
            InstrumentStart(BTC, CoverageStart(at(0.000001))),
            InstrumentEnd(ETH, CoverageEnd(at(1), GapReason.STALLED)),
        ),
        through=at(number),
        open_spans=(InstrumentStart(BTC, CoverageStart(at(0))),),
        simulated=True,
    )


def without_forming(one: BarBatch) -> BarBatch:
    """Return what the recorder needs of a batch."""
    return msgspec.structs.replace(one, forming=())


async def test_batches_are_read_in_order_and_exactly(logs: Logs) -> None:
    """By another process, in pieces, each once; another source has a log of its own."""
    assert await logs.one.claim(Source.BINANCE, "one")
    assert await logs.one.claim(Source.KRAKEN, "one")
    for number in range(1, 6):
        assert await logs.one.write(batch(number), [])
    assert await logs.one.write(batch(9, source=Source.KRAKEN), [])
    first = await logs.other.read(Source.BINANCE, "", 3)
    rest = await logs.other.read(Source.BINANCE, first[-1].entry, 3)
    read = [without_forming(one.batch) for one in (*first, *rest) if one.batch]
    assert read == [without_forming(batch(number)) for number in range(1, 6)]
    assert [repr(one.closed) for one in read] == [repr(batch(number).closed) for number in range(1, 6)]
    assert await logs.other.read(Source.BINANCE, rest[-1].entry, 3) == []


async def test_one_session_writes_at_a_time(logs: Logs) -> None:
    """Another one gets the lease once the first is silent, and the first is refused then."""
    assert await logs.one.claim(Source.BINANCE, "one")
    assert not await logs.other.claim(Source.BINANCE, "two")
    assert not await logs.other.write(batch(1, "two"), [])
    assert await logs.one.write(batch(1), [])
    await logs.end_lease()
    assert not await logs.one.write(batch(2), [TradePosition(BTC, 9, at(9))])
    assert await logs.other.claim(Source.BINANCE, "two")
    assert not await logs.one.claim(Source.BINANCE, "one")
    assert await logs.other.write(batch(3, "two"), [])
    assert [one.batch and one.batch.number for one in await logs.one.read(Source.BINANCE, "", 9)] == [1, 3]
    assert await logs.one.read_positions(Source.BINANCE) == []


async def test_positions_are_stored_with_their_batch(logs: Logs) -> None:
    """The last of each instrument, with numbers and without."""
    await logs.one.claim(Source.BINANCE, "one")
    await logs.one.write(batch(1), [TradePosition(BTC, 1, at(1), at(0)), TradePosition(ETH, "a", at(1))])
    await logs.one.write(batch(2), [TradePosition(BTC, 2, at(2.5), at(0))])
    found = await logs.other.read_positions(Source.BINANCE)
    assert sorted(found, key=lambda one: one.symbol) == [
        TradePosition(BTC, 2, at(2.5), at(0)),
        TradePosition(ETH, "a", at(1)),
    ]


async def test_a_log_that_cannot_be_reached_is_an_error(redis_url: str) -> None:
    """Nothing is lost unseen."""
    redis = open_redis("redis://127.0.0.1:1/0")
    log = RedisBarLog(redis, KEYS)
    for call in (
        log.claim(Source.BINANCE, "one"),
        log.write(batch(1), []),
        log.read_positions(Source.BINANCE),
        log.read(Source.BINANCE, "", 1),
    ):
        with pytest.raises(CacheUnavailable):
            await call
    await redis.aclose()
    assert redis_url


async def test_an_unreadable_entry_does_not_hide_the_others(redis_url: str) -> None:
    """It keeps its place, without a batch; an unreadable position is left out."""
    redis = open_redis(redis_url)
    await redis.flushall()
    log = RedisBarLog(redis, KEYS)
    await redis.execute_command("XADD", KEYS.bars(Source.BINANCE), "*", "batch", "<html>")
    await redis.execute_command("XADD", KEYS.bars(Source.BINANCE), "*", "other", "1")
    await redis.execute_command("HSET", KEYS.bars_positions(Source.BINANCE), "BTC/USDT", "{}")
    assert await log.claim(Source.BINANCE, "one")
    assert await log.write(batch(1), [TradePosition(ETH, 1, at(1), at(0))])
    found = await log.read(Source.BINANCE, "", 9)
    assert [one.batch and one.batch.number for one in found] == [None, None, 1]
    assert len({one.entry for one in found}) == 3
    assert [one.symbol for one in await log.read_positions(Source.BINANCE)] == [ETH]
    await redis.aclose()


async def test_the_log_in_process_goes_on_after_that_of_an_earlier_process() -> None:
    """All new entries are read, for any entry that it gave last."""
    clock = FakeClock(at(0))
    first = MemoryBarLog(clock, length=3)
    await first.claim(Source.BINANCE, "one")
    for number in range(1, 6):
        assert await first.write(batch(number), [])
    kept = await first.read(Source.BINANCE, "", 9)
    assert [one.batch and one.batch.number for one in kept] == [3, 4, 5]
    assert await first.read(Source.BINANCE, kept[0].entry, 1) == kept[1:2]
    clock.advance(seconds=1)
    second = MemoryBarLog(clock)
    await second.claim(Source.BINANCE, "two")
    await second.write(batch(1, "two"), [])
    for stored in (kept[-1].entry, "9" * 15):
        found = await second.read(Source.BINANCE, stored, 9)
        assert [one.batch and one.batch.session for one in found] == ["two"]
