"""Contract of the cache, run against the Redis and in-memory implementations."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cache.memory import MemoryCache
from cache.ports import FeedMessage
from cache.redis_client import open_redis
from rates.clock import parse_us
from rates.health import REPORT_LIFETIME
from rates.source import Source
from rates.symbol import Symbol, parse_symbol
from rates.wire import Changes
from tests.contract.caches import (
    BTC,
    ETH,
    IMPLEMENTATIONS,
    NAMES,
    Cache,
    RedisCache,
    report,
    ticker,
    undated,
    url_of,
)
from tests.lengths import at_length


@pytest.fixture(params=IMPLEMENTATIONS)
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    """An empty cache."""
    if request.param == "memory":
        yield MemoryCache()
        return
    redis = open_redis(url_of(request))
    await redis.flushall()
    yield RedisCache(redis, NAMES)
    await redis.aclose()


async def stored(cache: Cache, source: Source = Source.BINANCE) -> dict[str, str]:
    return {str(entry.symbol): str(entry.price) for entry in (await cache.read_snapshot(source)).tickers}


async def next_message(messages: AsyncIterator[FeedMessage]) -> FeedMessage:
    return await asyncio.wait_for(anext(messages), 60)


async def test_a_late_ticker_does_not_replace_a_newer_one(cache: Cache) -> None:
    """The cache keeps the newest event time, regardless of the order of writes."""
    assert await cache.write([ticker(at=2_000_000, price="2")]) == 1
    assert await cache.write([ticker(at=1_999_999, price="1")]) == 0
    assert await stored(cache) == {"BTC/USDT": "2"}


async def test_a_duplicate_is_not_stored_again(cache: Cache) -> None:
    """A repeated observation, as from a redundant replica, changes nothing and is not published."""
    assert await cache.write([ticker(at=5, sequence=7)]) == 1
    before = await cache.read_snapshot(Source.BINANCE)
    assert await cache.write([ticker(at=5, sequence=7)]) == 0
    assert await cache.read_snapshot(Source.BINANCE) == before


async def test_the_sequence_orders_tickers_of_equal_event_time(cache: Cache) -> None:
    """Of two trades in one millisecond, the one with the higher trade id wins."""
    assert await cache.write([ticker(at=5, sequence=8, price="8")]) == 1
    assert await cache.write([ticker(at=5, sequence=7, price="7")]) == 0
    assert await cache.write([ticker(at=5, sequence=9, price="9")]) == 1
    assert await stored(cache) == {"BTC/USDT": "9"}


async def test_a_ticker_without_a_trade_time_keeps_that_of_the_same_trade(cache: Cache) -> None:
    """Keep the time of the last trade while the trade stays the same.

    A poll has the trade's id only; another trade has another time.
    """

    async def trade_times() -> set[datetime | None]:
        return {entry.last_trade_at for entry in (await cache.read_snapshot(Source.BINANCE)).tickers}

    await cache.write([ticker(at=5_000_000, sequence=7, traded_at=4_000_000)])
    async with cache.subscribe() as messages:
        await cache.write([ticker(at=6_000_000, sequence=7)])
        message = await next_message(messages)
    assert isinstance(message, Changes)
    assert [entry.last_trade_at for entry in message.tickers] == [parse_us(4_000_000)]
    assert await trade_times() == {parse_us(4_000_000)}
    # Twice in one batch, and from the stored order again.
    await cache.write([ticker(at=7_000_000, sequence=7), ticker(at=8_000_000, sequence=7)])
    assert await trade_times() == {parse_us(4_000_000)}
    await cache.write([ticker(at=9_000_000, sequence=8)])
    assert await trade_times() == {None}
    await cache.write([ticker(at=10_000_000, traded_at=9_500_000), ticker(at=11_000_000)])
    assert await trade_times() == {None}
    await cache.write([ticker(at=12_000_000, sequence=9, traded_at=11_500_000)])
    await cache.write([ticker(at=13_000_000, sequence=9, traded_at=12_500_000)])
    assert await trade_times() == {parse_us(12_500_000)}


async def test_a_batch_publishes_only_the_newest_ticker_of_a_symbol(cache: Cache) -> None:
    """Batches are conflated before they are stored."""
    async with cache.subscribe() as messages:
        assert (
            await cache.write(
                [ticker(at=1, price="1"), ticker(at=3, price="3"), ticker(at=2, price="2"), ticker(ETH, at=1)]
            )
            == 2
        )
        message = await next_message(messages)
    assert isinstance(message, Changes)
    assert {str(entry.symbol): str(entry.price) for entry in message.tickers} == {
        "BTC/USDT": "3",
        "ETH/USDT": "1",
    }


async def test_messages_and_snapshot_agree_on_the_position(cache: Cache) -> None:
    """The last message and the snapshot have the same epoch and sequence number."""
    async with cache.subscribe() as messages:
        for at in (1, 2, 3):
            await cache.write([ticker(at=at)])
        seen = [await next_message(messages) for _ in range(3)]
    snapshot = await cache.read_snapshot(Source.BINANCE)
    assert [(entry.epoch, entry.seq) for entry in seen if isinstance(entry, Changes)] == [
        (snapshot.epoch, seq) for seq in (1, 2, 3)
    ]
    assert snapshot.seq == 3


async def test_each_source_has_its_own_sequence(cache: Cache) -> None:
    """A write to one source does not advance the sequence of another."""
    await cache.write([ticker(at=1)])
    await cache.write([ticker(Symbol("BTC", "USD"), at=1, source=Source.COINGECKO)])
    assert (await cache.read_snapshot(Source.BINANCE)).seq == 1
    assert (await cache.read_snapshot(Source.COINGECKO)).seq == 1
    assert await stored(cache) == {"BTC/USDT": "1"}


async def test_an_empty_cache_is_an_empty_snapshot(cache: Cache) -> None:
    """Reading before the first write, and writing nothing, are no errors."""
    snapshot = await cache.read_snapshot(Source.BINANCE)
    assert (snapshot.epoch, snapshot.seq, snapshot.tickers, snapshot.reports) == ("", 0, (), ())
    assert await cache.write([]) == 0


async def test_a_snapshot_has_the_write_of_each_ticker(cache: Cache) -> None:
    """The last one that stored it, which a batch shares; one that is refused counts for nothing."""
    await cache.write([ticker(at=1), ticker(ETH, at=5)])
    await cache.write([ticker(at=2)])
    await cache.write([ticker(at=3), ticker(at=4), ticker(ETH, at=4)])
    snapshot = await cache.read_snapshot(Source.BINANCE)
    assert (snapshot.seq, dict(snapshot.seqs)) == (3, {BTC: 3, ETH: 1})
    await cache.write([ticker(at=4)])
    assert await cache.read_snapshot(Source.BINANCE) == snapshot
    assert (await cache.read_snapshot(Source.COINGECKO)).seqs == {}


async def test_a_write_may_be_of_any_size(cache: Cache) -> None:
    """It is one write, and each of its tickers is stored with its number."""
    symbols = [Symbol(f"A{number}", "USDT") for number in range(1_201)]
    assert await cache.write([ticker(each, at=1) for each in symbols]) == len(symbols)
    snapshot = await cache.read_snapshot(Source.BINANCE)
    assert {each.symbol for each in snapshot.tickers} == set(symbols)
    assert snapshot.seqs == dict.fromkeys(symbols, 1)


async def test_reports_are_kept_per_process(cache: Cache) -> None:
    """The snapshot has the newest report of each process."""
    async with cache.subscribe() as messages:
        await cache.report(report("a", 1, 1))
        assert undated(await next_message(messages)) == report("a", 0, 1)
    await cache.report(report("a", 2, 5))
    await cache.report(report("b", 3, 0))
    reports = (await cache.read_snapshot(Source.BINANCE)).reports
    assert set(map(undated, reports)) == {report("a", 0, 5), report("b", 0, 0)}


async def test_reports_in_memory_expire_by_the_clock_of_the_process() -> None:
    """All of its processes are one."""
    cache = MemoryCache()
    later = REPORT_LIFETIME // timedelta(microseconds=1) + 10
    await cache.report(report("a", 2))
    await cache.report(report("b", later))
    assert (await cache.read_snapshot(Source.BINANCE)).reports == (report("b", later),)


@pytest.mark.parametrize("away_s", [-61.0, 300.0])
async def test_redis_dates_reports_and_drops_those_of_another_time(redis_url: str, away_s: float) -> None:
    """The clock of the process does not count. Those from the future are from before a step."""
    redis = open_redis(redis_url)
    await redis.flushall()
    cache = RedisCache(redis, NAMES)
    tricky = msgspec.structs.replace(report("a", 1), reason='saw "reported_at_us":5')
    await cache.report(tricky)
    (stored,) = (await cache.read_snapshot(Source.BINANCE)).reports
    seconds, _ = await redis.time()
    assert abs(stored.reported_at.timestamp() - seconds) < 5
    assert undated(stored) == undated(tricky)
    await redis.zadd(NAMES.reported(Source.BINANCE), {"a": (seconds + away_s) * 1_000_000})
    await cache.report(report("b", 1))
    assert [each.instance for each in (await cache.read_snapshot(Source.BINANCE)).reports] == ["b"]
    await redis.aclose()


async def test_two_subscribers_receive_the_same_messages_in_the_same_order(cache: Cache) -> None:
    """So all gateway replicas build the same mirror."""
    async with cache.subscribe() as one, cache.subscribe() as other:
        for at in (1, 2, 3, 4):
            await cache.write([ticker(at=at, price=str(at))])
        assert [await next_message(one) for _ in range(4)] == [await next_message(other) for _ in range(4)]


BATCHES = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(["BTC/USDT", "ETH/USDT", "SOL/USDT"]), st.integers(1, 6), st.integers(0, 2)
        ),
        max_size=4,
    ),
    max_size=8,
)


@settings(
    max_examples=at_length(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches=BATCHES)
async def test_any_sequence_of_writes_agrees_with_a_simple_oracle(
    redis_url: str, batches: list[list[tuple[str, int, int]]]
) -> None:
    """Redis and memory caches agree with a dict that keeps the maximum per symbol."""
    redis = open_redis(redis_url)
    await redis.flushall()
    caches: list[Cache] = [RedisCache(redis, NAMES), MemoryCache()]
    oracle: dict[str, tuple[int, int]] = {}
    for batch in batches:
        changed = {name for name, at, sequence in batch if (at, sequence) > oracle.get(name, (0, 0))}
        for name, at, sequence in batch:
            oracle[name] = max(oracle.get(name, (0, 0)), (at, sequence))
        tickers = [ticker(parse_symbol(name), at=at, sequence=sequence) for name, at, sequence in batch]
        assert [await cache.write(tickers) for cache in caches] == [len(changed)] * 2
    snapshots = [await cache.read_snapshot(Source.BINANCE) for cache in caches]
    await redis.aclose()
    for snapshot in snapshots:
        assert {str(t.symbol): (t.observed_at, t.sequence) for t in snapshot.tickers} == {
            name: (parse_us(at), sequence) for name, (at, sequence) in oracle.items()
        }
    assert snapshots[0].seq == snapshots[1].seq
