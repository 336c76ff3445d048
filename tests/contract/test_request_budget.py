"""Contract of call budgets, run against the Redis and in-memory implementations."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from cache.redis_client import open_redis
from pipeline.coordination.call_limits import CallLimits, next_month
from pipeline.coordination.memory_request_budget import MemoryRequestBudget
from pipeline.coordination.redis_request_budget import RedisRequestBudget
from pipeline.ports import RequestBudget
from rates.clock import utc_now
from rates.errors import SourceRateLimited
from rates.redis_keys import RedisKeys
from rates.source import Source
from tests.contract.caches import IMPLEMENTATIONS, url_of
from tests.pipeline.fakes import eventually

WINDOW = timedelta(seconds=1)
LONG = timedelta(minutes=1)
# Redis and Python are two readers of one clock; Redis reads it a moment later.
TOLERANCE = timedelta(seconds=1)
Build = Callable[[CallLimits], list[RequestBudget]]


@pytest.fixture(params=IMPLEMENTATIONS)
async def build(request: pytest.FixtureRequest) -> AsyncIterator[Build]:
    """Factory of a new budget, as seen by two replicas."""
    source = Source.COINGECKO
    if request.param == "memory":

        def share(limits: CallLimits) -> list[RequestBudget]:
            budget = MemoryRequestBudget(source, limits, clock=utc_now)
            return [budget, budget]

        yield share
        return
    redis = open_redis(url_of(request))
    await redis.flushall()
    names = RedisKeys(simulated=False)
    yield lambda limits: [RedisRequestBudget(redis, names, source, limits, clock=utc_now) for _ in range(2)]
    await redis.aclose()


async def take_until_refused(budget: RequestBudget) -> int:
    """Take calls until the first refusal and count them."""
    for count in range(1000):
        try:
            await budget.take()
        except SourceRateLimited:
            return count
    raise AssertionError("never refused")


async def test_the_budget_is_shared_by_all_replicas(build: Build) -> None:
    """Two replicas together get no more calls than one would."""
    one, other = build(CallLimits(6, LONG))
    for _ in range(3):
        await one.take()
    assert await take_until_refused(other) == 3
    assert await take_until_refused(one) == 0


async def test_the_state_after_a_call_is_returned(build: Build) -> None:
    """It has the limit, the calls left, and the time at which the oldest call leaves the window."""
    one, other = build(CallLimits(3, LONG))
    before = utc_now()
    first, second = await one.take(), await other.take()
    assert (first.limit, first.remaining, second.remaining) == (3, 2, 1)
    assert before - TOLERANCE < first.resets_at - LONG < utc_now() + TOLERANCE
    assert second.resets_at == first.resets_at


async def test_a_refusal_says_when_to_retry(build: Build) -> None:
    """`retry_at` is the time at which the oldest call leaves the window."""
    one, _ = build(CallLimits(1, LONG))
    state = await one.take()
    with pytest.raises(SourceRateLimited) as refused:
        await one.take()
    assert refused.value.retry_at == state.resets_at


async def test_a_cooldown_stops_all_replicas(build: Build) -> None:
    """A 429 received by one replica stops all others until it ends."""
    one, other = build(CallLimits(100, LONG))
    span = timedelta(milliseconds=400)
    before = utc_now()
    await one.start_cooldown(span)
    with pytest.raises(SourceRateLimited) as refused:
        await other.take()
    assert before - TOLERANCE < refused.value.retry_at - span < utc_now() + TOLERANCE
    await eventually(lambda: take_until_refused(other))
    assert utc_now() - before >= span


async def test_a_shorter_cooldown_does_not_shorten_a_longer_one(build: Build) -> None:
    """The later end counts."""
    one, other = build(CallLimits(100, LONG))
    before = utc_now()
    await one.start_cooldown(LONG)
    await other.start_cooldown(timedelta(milliseconds=1))
    with pytest.raises(SourceRateLimited) as refused:
        await one.take()
    assert refused.value.retry_at - before > LONG - TOLERANCE


async def test_a_topic_that_was_just_fetched_rests(build: Build) -> None:
    """The rest applies to all replicas, is marked as planned, and does not delay other topics."""
    one, other = build(CallLimits(100, LONG))
    before = utc_now()
    await one.take("prices")
    await one.defer(LONG, "prices")
    await other.defer(timedelta(seconds=1), "prices")
    with pytest.raises(SourceRateLimited) as refused:
        await other.take("prices")
    assert refused.value.is_planned
    assert before - TOLERANCE < refused.value.retry_at - LONG < utc_now() + TOLERANCE
    await other.take("listing")
    await other.take()


class SetClock:
    """A clock that only the test moves."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(params=IMPLEMENTATIONS)
async def timed(
    request: pytest.FixtureRequest,
) -> AsyncIterator[Callable[[CallLimits, SetClock], RequestBudget]]:
    """Factory of replicas' views of one budget, on a clock that the test sets."""
    source, shared = Source.COINGECKO, dict[str, MemoryRequestBudget]()
    if request.param == "memory":
        yield lambda limits, clock: shared.setdefault("one", MemoryRequestBudget(source, limits, clock=clock))
        return
    redis, names = open_redis(url_of(request)), RedisKeys(simulated=False)
    await redis.flushall()
    yield lambda limits, clock: RedisRequestBudget(
        redis, names, source, limits, clock=clock, is_clock_shared=True
    )
    await redis.aclose()


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("blocked_by", ["calls", "cooldown", "rest"])
async def test_a_clock_that_steps_back_blocks_for_no_longer_than_before(
    timed: Callable[[CallLimits, SetClock], RequestBudget], blocked_by: str
) -> None:
    """A Redis that was five minutes ahead must not stop calls for five minutes afterwards."""
    clock = SetClock(NEW_YEAR + timedelta(minutes=5))
    budget = timed(CallLimits(2, LONG), clock)
    await budget.take("prices")
    match blocked_by:
        case "calls":
            await budget.take("prices")
        case "cooldown":
            await budget.start_cooldown(LONG)
        case _:
            await budget.defer(LONG, "prices")
    clock.now = NEW_YEAR
    with pytest.raises(SourceRateLimited) as refused:
        await budget.take("prices")
    assert refused.value.retry_at == NEW_YEAR + LONG
    clock.now = NEW_YEAR + LONG + timedelta(milliseconds=1)
    await budget.take("prices")


async def test_no_window_contains_more_calls_than_the_limit(
    timed: Callable[[CallLimits, SetClock], RequestBudget],
) -> None:
    """Four replicas call as often as they are allowed to while the clock moves in uneven steps."""
    limit, clock = 5, SetClock(NEW_YEAR)
    replicas = [timed(CallLimits(limit, WINDOW), clock) for _ in range(4)]
    taken: list[datetime] = []

    async def take_all(budget: RequestBudget) -> None:
        taken.extend([clock.now] * await take_until_refused(budget))

    for step_ms in (130, 400, 20, 700, 333) * 6:
        async with asyncio.TaskGroup() as group:
            for budget in replicas:
                group.create_task(take_all(budget))
        clock.now += timedelta(milliseconds=step_ms)
    for first, beyond in zip(taken, taken[limit:], strict=False):
        assert beyond - first > WINDOW
    # A full window is free again at the latest one step (700 ms) after its end: 9.5 s hold five of them.
    assert len(taken) >= 5 * limit


async def test_the_monthly_quota_is_spread_over_the_rest_of_the_month(
    timed: Callable[[CallLimits, SetClock], RequestBudget],
) -> None:
    """31 calls in January are one a day; after a pause the remaining calls come closer together."""
    clock = SetClock(NEW_YEAR)
    budget = timed(CallLimits(100, LONG, monthly=31), clock)
    state = await budget.take()
    assert (state.monthly_limit, state.monthly_remaining) == (31, 30)
    assert state.monthly_resets_at == datetime(2026, 2, 1, tzinfo=UTC)
    with pytest.raises(SourceRateLimited) as refused:
        await budget.take()
    assert refused.value.is_planned
    assert abs(refused.value.retry_at - (NEW_YEAR + timedelta(days=1))) < timedelta(seconds=1)
    clock.now = datetime(2026, 1, 31, tzinfo=UTC)
    assert (await budget.take()).monthly_remaining == 29
    with pytest.raises(SourceRateLimited) as refused:
        await budget.take()
    assert abs(refused.value.retry_at - (clock.now + timedelta(days=1) / 30)) < timedelta(seconds=1)


async def test_the_monthly_quota_ends_all_calls(
    timed: Callable[[CallLimits, SetClock], RequestBudget],
) -> None:
    """A replica that restarts sees the same quota; the next month starts with a full one."""
    clock = SetClock(datetime(2026, 1, 31, 23, 0, tzinfo=UTC))
    limits = CallLimits(100, LONG, monthly=4)
    for left in (3, 2, 1, 0):
        assert (await timed(limits, clock).take()).monthly_remaining == left
        clock.now += timedelta(minutes=14, seconds=59) if left == 0 else timedelta(minutes=15)
    assert clock.now < datetime(2026, 2, 1, tzinfo=UTC)
    with pytest.raises(SourceRateLimited, match="quota of 4 calls a month") as refused:
        await timed(limits, clock).take()
    assert refused.value.retry_at == datetime(2026, 2, 1, tzinfo=UTC)
    assert not refused.value.is_planned
    clock.now = refused.value.retry_at
    assert (await timed(limits, clock).take()).monthly_remaining == 3


@pytest.mark.parametrize(
    ("now", "expected"),
    [("2026-01-31T23:59:59+00:00", "2026-02-01"), ("2026-12-01T00:00:00+00:00", "2027-01-01")],
)
def test_a_quota_restarts_on_the_first_of_the_month(now: str, expected: str) -> None:
    """Months are calendar months in UTC."""
    assert next_month(datetime.fromisoformat(now)) == datetime.fromisoformat(f"{expected}T00:00:00+00:00")
