"""A Redis that loses its data.

What was stored stays, what was lost is a gap, and the rest is complete.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from cache.redis_client import RedisClient, open_redis
from history.coverage import CandleCoverage, GapReason
from history.interval import TimeSpan
from history.recorder import Recorder
from history.redis_log import RedisBarLog
from history.store import HistoryStore
from instruments.store import InstrumentStore
from rates.redis_keys import RedisKeys
from rates.source import Source
from tests.history.test_bar_writer import Feeds
from tests.history.trades import at
from tests.migrated import migrate_new
from tests.pipeline.fakes import BTC

COMPLETE, PARTIAL = CandleCoverage.COMPLETE, CandleCoverage.PARTIAL
DAY = timedelta(days=1)
HOUR = TimeSpan(at(0), at(3600))


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisClient]:
    """An empty Redis."""
    client = open_redis(redis_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[HistoryStore]:
    """An empty history."""
    url = f"sqlite+aiosqlite:///{tmp_path}/history.sqlite"
    await migrate_new(url)
    database = InstrumentStore(url)
    yield HistoryStore(database, simulated=False)
    await database.close()


@pytest.mark.parametrize("is_read", [True, False])
async def test_a_log_that_was_lost_is_a_gap_only_where_it_was_not_stored(
    redis: RedisClient, store: HistoryStore, *, is_read: bool
) -> None:
    """The writer takes its lease again; the missing numbers tell the recorder."""
    feeds, log = Feeds(), RedisBarLog(redis, RedisKeys(simulated=False))
    feeds.log = log  # type: ignore[assignment] # the same port on Redis
    recorder = Recorder(Source.BINANCE, log, store, keep_seconds=DAY, keep_minutes=DAY, clock=feeds.clock)
    writer = await feeds.start("one")
    await feeds.run(130)
    while await recorder.step():
        pass
    await feeds.run(70)
    while is_read and await recorder.step():
        pass
    await redis.flushall()
    await feeds.run(200)
    while await recorder.step():
        pass
    assert writer.has_lease
    minutes = await store.read_minutes(Source.BINANCE, BTC, HOUR)
    lost = [] if is_read else [2, 3]
    assert [one.coverage for one in minutes] == [
        PARTIAL if number in {0, *lost} else COMPLETE for number in range(len(minutes))
    ]
    assert len(minutes) == 6
    assert [one.bar.trades for one in minutes if one.bar and one.coverage is COMPLETE] == [60] * (
        5 - len(lost)
    )
    reasons = [span.reason for span in await store.read_spans(Source.BINANCE, BTC)]
    assert reasons == ([None] if is_read else [GapReason.DISCONNECTED, None])
