"""Contract of shared budgets, on Redis and in memory."""

from collections.abc import AsyncIterator, Callable
from random import Random

import pytest

from access.gcra import BucketLimits, take
from access.lease_store import LeaseRequest, LeaseStore
from access.memory_lease_store import MemoryLeaseStore
from access.plan import PlanLimits
from access.redis_lease_store import RedisLeaseStore
from cache.redis_client import open_redis
from rates.redis_keys import RedisKeys
from tests.contract.caches import IMPLEMENTATIONS, url_of

Open = Callable[[], LeaseStore]
LIMITS = BucketLimits.of(PlanLimits(points=600).named("test"))
assert LIMITS is not None
KEYS = RedisKeys(simulated=True)


class Time:
    """A time that a test sets, in seconds."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def us(self) -> int:
        return round(self.now_s * 1_000_000)


@pytest.fixture
def now() -> Time:
    return Time()


@pytest.fixture(params=IMPLEMENTATIONS)
async def open_store(request: pytest.FixtureRequest, now: Time) -> AsyncIterator[Open]:
    """Opens the same budgets once more, as another gateway does."""
    if request.param == "memory":
        store = MemoryLeaseStore(lambda: now.now_s)
        yield lambda: store
        return
    redis = open_redis(url_of(request))
    await redis.flushall()
    yield lambda: RedisLeaseStore(redis, KEYS, now_us=now.us)
    await redis.aclose()


def ask(wanted: int, least: int, account: str = "192.0.2.7", debt: int = 0) -> LeaseRequest:
    """A request for points."""
    return LeaseRequest(account, LIMITS, wanted, least, debt=debt)


async def test_gateways_share_the_budget_of_an_account(open_store: Open) -> None:
    """Leased points are gone for the others; other accounts have budgets of their own."""
    one, other = open_store(), open_store()
    assert (await one.take(ask(500, 500))).points == 500
    assert (await other.take(ask(41, 41))).points == 0
    assert (await other.take(ask(40, 40))).points == 40
    assert (await other.take(ask(500, 500, account="key:1"))).points == 500


async def test_stores_follow_the_same_arithmetic(open_store: Open, now: Time) -> None:
    """Each answer is that of `gcra.take`, whatever was asked for before."""
    assert LIMITS is not None
    store, random, arrival_s = open_store(), Random(7), 0.0
    for _ in range(200):
        wanted = random.choice([1, 30, 2_000])
        least, debt = random.choice([1, wanted]), random.choice([0, 0, 25])
        expected = take(arrival_s, now.now_s, wanted, least, LIMITS, debt=debt)
        lease = await store.take(ask(wanted, least, debt=debt))
        assert (lease.points, lease.available) == (expected.points, expected.available)
        assert lease.retry_s == pytest.approx(expected.retry_s, abs=1e-5)
        arrival_s = expected.arrival_s
        # Odd times: a sum of rounded ones differs from its parts by less than a point.
        now.now_s += random.choice([0.0, 0.037, 0.913, 7.003])


@pytest.mark.servers
async def test_redis_with_a_clock_before_2026_leases(redis_url: str) -> None:
    """A machine without a clock of its own begins in 1970. Streams are counted, too."""
    redis = open_redis(redis_url)
    await redis.flushall()
    one, other = (RedisLeaseStore(redis, KEYS, now_us=lambda: -(10**15)) for _ in range(2))
    assert (await one.take(ask(5, 5)._replace(stream_points=70))).points == 5
    assert (await other.take(ask(5, 5))).other_stream_points == 70
    await redis.aclose()


@pytest.mark.servers
async def test_each_gateway_hears_of_the_streams_of_the_others(redis_url: str, now: Time) -> None:
    """Their points a second count until the gateway has said nothing for a while."""
    redis = open_redis(redis_url)
    await redis.flushall()
    one, other = (RedisLeaseStore(redis, KEYS, now_us=now.us) for _ in range(2))
    await one.take(ask(0, 0)._replace(stream_points=70))
    lease = await other.take(ask(0, 0)._replace(stream_points=5))
    assert (lease.other_stream_points, lease.gateways) == (70, 2)
    assert (await one.take(ask(0, 0))).other_stream_points == 5
    now.now_s += 16
    lease = await other.take(ask(0, 0)._replace(limits=None))
    assert (lease.other_stream_points, lease.gateways) == (0, 1)
    await redis.aclose()
