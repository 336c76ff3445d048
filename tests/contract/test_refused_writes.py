"""A Redis that answers and publishes, and refuses to write."""

import asyncio
import shutil
from collections.abc import Iterator

import pytest
from redis.exceptions import ResponseError

from cache import redis_subscription
from cache.ports import Checkpoint
from cache.redis_client import connect_redis, open_redis
from rates.errors import CacheUnavailable
from rates.health import SourceReport
from rates.source import Source
from rates.wire import Changes
from tests.backends import start_redis
from tests.contract.caches import BTC, ETH, NAMES, RedisCache, report, ticker
from tests.e2e.processes import eventually

pytestmark = pytest.mark.servers

TIMEOUT_S = 60


@pytest.fixture
def own_redis_url() -> Iterator[str]:
    """Of a server whose settings the test may change."""
    with start_redis() as server:
        yield server.url


@pytest.mark.parametrize(
    ("setting", "refusing", "accepting", "code"),
    [
        ("maxmemory", "1", "0", "OutOfMemoryError"),
        ("min-replicas-to-write", "1", "0", "NOREPLICAS"),
    ],
)
async def test_a_report_reaches_gateways_although_nothing_can_be_written(
    own_redis_url: str, setting: str, refusing: str, accepting: str, code: str
) -> None:
    """The writer gets the reason as an error; afterwards everything is as before."""
    redis = open_redis(own_redis_url)
    cache = RedisCache(redis, NAMES)
    assert await cache.write([ticker(BTC, at=1)]) == 1
    await cache.report(report(instance="old", at=1))
    async with asyncio.timeout(TIMEOUT_S), cache.subscribe() as messages:
        await redis.config_set(setting, refusing)
        with pytest.raises(CacheUnavailable, match=code):
            await cache.write([ticker(ETH, at=2)])
        with pytest.raises(CacheUnavailable, match=code):
            await cache.report(report(instance="new", at=2))
        seen = await anext(messages)
        assert isinstance(seen, SourceReport)
        assert seen.instance == "new"
        checkpoint = await anext(messages)
        assert isinstance(checkpoint, Checkpoint)
        assert checkpoint.seq == 1
        # Gateways can still start and reload.
        snapshot = await cache.read_snapshot(Source.BINANCE)
        assert [each.instance for each in snapshot.reports] == ["old"]
        assert (checkpoint.epoch, checkpoint.seq) == (snapshot.epoch, snapshot.seq)

        await redis.config_set(setting, accepting)
        assert await cache.write([ticker(ETH, at=2)]) == 1
        await cache.report(report(instance="new", at=3))
    snapshot = await cache.read_snapshot(Source.BINANCE)
    assert {each.instance for each in snapshot.reports} == {"old", "new"}
    assert {each.symbol for each in snapshot.tickers} == {BTC, ETH}
    await redis.aclose()


async def test_a_redis_whose_disk_fails_is_still_read(
    own_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It refuses PING as well. Its subscribers keep their subscription, and processes can start."""
    monkeypatch.setattr(redis_subscription, "SILENCE_S", 0.05)
    redis = open_redis(own_redis_url)
    cache = RedisCache(redis, NAMES)
    assert await cache.write([ticker(BTC, at=1)]) == 1

    async def has_failed() -> bool:
        return bool((await redis.info("persistence"))["rdb_last_bgsave_status"] == "err")

    async with asyncio.timeout(TIMEOUT_S), cache.subscribe() as messages:
        await redis.config_set("save", "1 1")
        shutil.rmtree(str((await redis.config_get("dir"))["dir"]))
        await redis.bgsave()
        await eventually(has_failed, within_s=TIMEOUT_S, what="a failed save")
        with pytest.raises(ResponseError, match="MISCONF"):
            await redis.ping()
        with pytest.raises(CacheUnavailable, match="MISCONF"):
            await cache.report(report(instance="new", at=2))
        assert isinstance(await anext(messages), SourceReport)
        assert isinstance(await anext(messages), Checkpoint)
        waiting = asyncio.ensure_future(anext(messages))
        # Long enough for several refused pings.
        assert not (await asyncio.wait({waiting}, timeout=0.5))[0]
        later = await connect_redis(own_redis_url)
        snapshot = await RedisCache(later, NAMES).read_snapshot(Source.BINANCE)
        assert [each.symbol for each in snapshot.tickers] == [BTC]
        await later.aclose()

        await redis.config_set("stop-writes-on-bgsave-error", "no")
        assert await cache.write([ticker(ETH, at=2)]) == 1
        changes = await waiting
        assert isinstance(changes, Changes)
        assert [each.symbol for each in changes.tickers] == [ETH]
    await redis.aclose()
