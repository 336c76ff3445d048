"""A day with CoinGecko on virtual time, with 1, 2 and 4 replicas, in Redis and in memory.

The source is played as it was measured on 2025-11-20 (`recordings/coingecko_ratelimit_*.csv`): a few good calls, then refusals
for 57 to 59 s, whatever the client does.
"""

import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from cache.redis_client import RedisClient, open_redis, read_script
from pipeline.coordination.call_limits import CallLimits
from pipeline.coordination.memory_request_budget import MemoryRequestBudget
from pipeline.coordination.redis_request_budget import RedisRequestBudget
from pipeline.ports import RequestBudget
from pipeline.sources.coingecko.client import CoinGeckoClient
from pipeline.sources.coingecko.factory import WINDOW, coingecko
from pipeline.sources.coingecko.fetcher import CoinGeckoFetcher
from pipeline.sources.coingecko.settings import CoinGeckoSettings
from pipeline.sources.coingecko.symbols import price_requests
from pipeline.task import RequestedInstrument
from rates.clock import EPOCH, format_us
from rates.errors import SourceError, SourceRateLimited
from rates.redis_keys import RedisKeys
from rates.source import Source
from rates.symbol import parse_symbol
from tests.lengths import only_long
from tests.pipeline.fakes import FakeClock, source_context

START = datetime(2026, 3, 10, tzinfo=UTC)
DAY_S, HOUR_S, MINUTE_S, TICK_S = 86_400, 3_600, 60, 4
CALLS = 30
WANTED = [
    RequestedInstrument(parse_symbol(f"{name.upper()}/USD"), name) for name in ("bitcoin", "ethereum", "pepe")
]
Build = Callable[[CallLimits], RequestBudget]


def busiest_minute(times: Sequence[float]) -> int:
    """Return the most calls in any rolling minute; `times` in seconds, in order."""
    most, window = 0, deque[float]()
    for at in times:
        window.append(at)
        while window[0] <= at - MINUTE_S:
            window.popleft()
        most = max(most, len(window))
    return most


class SimulatedCoinGecko:
    """Prices renewed every minute, an edge cache, and lock-outs.

    They begin after `patience` good calls, or with more than `per_minute` calls in a minute.
    """

    def __init__(
        self, clock: FakeClock, *, patience: int | None = None, per_minute: int | None = None
    ) -> None:
        self.clock = clock
        self.calls: list[float] = []
        self.refused: list[float] = []
        self._patience, self._per_minute = patience, per_minute
        self._good = 0
        self._locked_until = EPOCH
        self._copied_at = EPOCH
        self._random = random.Random(7)

    def answer(self, request: httpx.Request) -> httpx.Response:
        now = self.clock()
        self.calls.append((now - START).total_seconds())
        if now < self._locked_until or self._good == self._patience or self._is_beyond_minute():
            if now >= self._locked_until:
                self._locked_until = now + timedelta(seconds=self._random.uniform(57, 59))
                self._good = 0
            self.refused.append(self.calls[-1])
            return httpx.Response(429, json={"status": {"error_code": 429, "error_message": "Rate Limit"}})
        self._good += 1
        if now - self._copied_at >= timedelta(seconds=MINUTE_S):
            self._copied_at = now
        age = (now - self._copied_at).seconds
        updated_at = int(self._copied_at.timestamp()) // MINUTE_S * MINUTE_S
        prices = {
            coin: {"usd": 1.5, "last_updated_at": updated_at} for coin in request.url.params["ids"].split(",")
        }
        headers = {"cache-control": "public, max-age=30, s-maxage=60", "age": str(age)}
        return httpx.Response(200, json=prices, headers=headers)

    def _is_beyond_minute(self) -> bool:
        recent = [at for at in self.calls if at > self.calls[-1] - MINUTE_S]
        return self._per_minute is not None and len(recent) > self._per_minute


class Fleet:
    """Replicas of the real client, one per tick, and the age of the newest value at every tick."""

    def __init__(self, source: SimulatedCoinGecko, budget: Build, limits: CallLimits, replicas: int) -> None:
        self.source, self.budget, self.limits, self.replicas = source, budget, limits, replicas
        self.ages: list[float] = []

    async def live(self, seconds: int) -> None:
        newest, clock = START, self.source.clock
        fetchers = [self.fetcher() for _ in range(self.replicas)]
        for tick in range(seconds // TICK_S):
            clock.now = START + timedelta(seconds=tick * TICK_S)
            try:
                found = await fetchers[tick % self.replicas].fetch(WANTED)
            except SourceError:
                found = ()
            newest = max([newest, *(one.observed_at for one in found)])
            self.ages.append((clock.now - newest).total_seconds())

    def fetcher(self) -> CoinGeckoFetcher:
        transport = httpx.MockTransport(self.source.answer)

        def connect() -> httpx.AsyncClient:
            return httpx.AsyncClient(transport=transport, base_url="http://coingecko")

        context = source_context(Source.COINGECKO, clock=self.source.clock, budget=self.budget(self.limits))
        settings = CoinGeckoSettings(jitter_s=0)
        return CoinGeckoFetcher(CoinGeckoClient(connect, context, jitter_s=0), settings, context)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_redis(redis_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def in_memory(clock: FakeClock) -> Build:
    shared = dict[str, RequestBudget]()
    return lambda limits: shared.setdefault("one", MemoryRequestBudget(Source.COINGECKO, limits, clock=clock))


# Redis answers each call in a round trip: `make test` spends six hours there, and `make test-long` the whole day.
# Several replicas; the long tests try two, and one alone.
REPLICAS = [4, *only_long(2, 1)]
EVERYWHERE = pytest.mark.parametrize(
    ("anywhere", "hours"),
    [("memory", 24), ("redis", 6), pytest.param("redis", 24, marks=pytest.mark.long)],
    indirect=["anywhere"],
)


@pytest.fixture
async def anywhere(
    request: pytest.FixtureRequest, clock: FakeClock, in_memory: Build
) -> AsyncIterator[Build]:
    """In memory, and in Redis."""
    if request.param == "memory":
        yield in_memory
        return
    redis, names = open_redis(request.getfixturevalue("redis_url")), RedisKeys(simulated=False)
    await redis.flushall()
    yield lambda limits: RedisRequestBudget(
        redis, names, Source.COINGECKO, limits, clock=clock, is_clock_shared=True
    )
    await redis.aclose()


LIMITS = CallLimits(CALLS, WINDOW)
# What greedy replicas could have at most in a day: 30 calls in any 61 s.
POSSIBLE = DAY_S / WINDOW.total_seconds() * CALLS


def greedy_times(replicas: int) -> list[float]:
    """Every replica calls about every two seconds all day, whatever the responses."""
    chance = random.Random(replicas)
    return sorted(
        at + chance.uniform(0, 1.9) for _ in range(replicas) for at in range(0, DAY_S, 2 * max(replicas, 2))
    )


@pytest.mark.slow
@pytest.mark.parametrize("replicas", REPLICAS)
async def test_a_greedy_day_in_memory(clock: FakeClock, in_memory: Build, replicas: int) -> None:
    """Never above 30 calls in any rolling minute, and hardly a call less than allowed."""
    budget, taken = in_memory(LIMITS), []
    for at in greedy_times(replicas):
        clock.now = START + timedelta(seconds=at)
        try:
            await budget.take()
        except SourceRateLimited:
            continue
        taken.append(at)
    check_greedy(taken, replicas)


@pytest.mark.parametrize("replicas", REPLICAS)
async def test_a_greedy_day_in_redis(redis: RedisClient, replicas: int) -> None:
    """The same with the script that all replicas share, many calls per round trip."""
    digest = await redis.script_load(read_script("pipeline.coordination", "block.lua", "take.lua"))
    keys = [f"{{coingecko}}:{name}" for name in ("calls", "not-before", "month", "pace", "rest")]
    window_us, taken = int(WINDOW.total_seconds() * 1_000_000), []
    times = greedy_times(replicas)
    for first in range(0, len(times), 5_000):
        part = times[first : first + 5_000]
        async with redis.pipeline(transaction=False) as pipe:  # pyrefly: ignore[bad-context-manager]  # no cluster
            for number, at in enumerate(part):
                now_us = format_us(START + timedelta(seconds=at))
                pipe.evalsha(digest, 5, *keys, window_us, CALLS, -1, f"{first + number}", 0, now_us)
            verdicts = await pipe.execute()
        taken += [at for at, (verdict, *_) in zip(part, verdicts, strict=True) if verdict == b"taken"]
    check_greedy(taken, replicas)


def check_greedy(taken: Sequence[float], replicas: int) -> None:
    assert busiest_minute(taken) <= CALLS
    wanted = len(greedy_times(replicas))
    assert len(taken) > 0.95 * min(POSSIBLE, wanted)


@pytest.mark.slow
@EVERYWHERE
@pytest.mark.parametrize("replicas", REPLICAS)
async def test_a_day_of_lock_outs(clock: FakeClock, anywhere: Build, replicas: int, hours: int) -> None:
    """Each costs one rejected call for all replicas; values stay as fresh as possible."""
    source = SimulatedCoinGecko(clock, patience=4)
    fleet = Fleet(source, anywhere, LIMITS, replicas)
    await fleet.live(hours * HOUR_S)
    assert busiest_minute(source.calls) <= CALLS
    assert all(
        later - sooner >= MINUTE_S for sooner, later in zip(source.refused, source.refused[1:], strict=False)
    )
    # A minute until the edge renews, a minute between updates, a minute's lock-out, a tick for each of them.
    assert max(fleet.ages) <= 3 * MINUTE_S + 4 * TICK_S
    assert sum(fleet.ages) / len(fleet.ages) < 1.5 * MINUTE_S
    # One call a minute brings all that there is: more replicas cost no more.
    assert 45 * hours < len(source.calls) <= 60 * hours


@pytest.mark.slow
@pytest.mark.parametrize("replicas", REPLICAS)
async def test_a_day_without_rejections(clock: FakeClock, in_memory: Build, replicas: int) -> None:
    """Every update arrives with the edge's next copy.

    No replica starves, and no call is in vain.
    """
    source = SimulatedCoinGecko(clock)
    fleet = Fleet(source, in_memory, LIMITS, replicas)
    await fleet.live(DAY_S)
    assert (len(source.calls), source.refused) == (1_440, [])
    assert max(fleet.ages) <= MINUTE_S + 2 * TICK_S


@pytest.mark.slow
async def test_an_hour_of_eight_requests_a_round_without_a_key(clock: FakeClock, in_memory: Build) -> None:
    """The default limit leads to no lock-out, and each request has its turn within two windows."""
    # Long names fill eight requests with few coins.
    many = [
        RequestedInstrument(parse_symbol(f"A{number}/USD"), f"coin-with-a-long-name-{number:060d}")
        for number in range(700)
    ]
    limits = coingecko(CoinGeckoSettings()).limits
    assert limits is not None
    assert len(list(price_requests(many))) == 8
    source = SimulatedCoinGecko(clock, per_minute=4)
    fleet = Fleet(source, in_memory, limits, replicas=1)
    fetcher, oldest = fleet.fetcher(), list[float]()
    for tick in range(HOUR_S // TICK_S):
        clock.now = START + timedelta(seconds=tick * TICK_S)
        found = await fetcher.fetch(many)
        if len(found) == len(many):
            oldest.append((clock.now - min(one.observed_at for one in found)).total_seconds())
    assert source.refused == []
    assert len(oldest) > 0.95 * HOUR_S / TICK_S
    # Two windows until each has had its turn, a minute until the edge renews, and a minute between updates.
    assert max(oldest) <= 2 * WINDOW.total_seconds() + 2 * MINUTE_S + 2 * TICK_S


@pytest.mark.slow
@EVERYWHERE
@pytest.mark.parametrize("replicas", REPLICAS)
async def test_a_monthly_quota_is_spread_over_the_rest_of_the_month(
    clock: FakeClock, anywhere: Build, replicas: int, hours: int
) -> None:
    """10000 credits from the tenth on: each day has its even share."""
    source = SimulatedCoinGecko(clock)
    limits = CallLimits(CALLS, WINDOW, monthly=10_000)
    fleet = Fleet(source, anywhere, limits, replicas)
    await fleet.live(hours * HOUR_S)
    share = 10_000 / 22 / 24 * hours
    assert 0.97 * share < len(source.calls) <= share + 1
    gaps = [later - sooner for sooner, later in zip(source.calls, source.calls[1:], strict=False)]
    assert max(gaps) <= hours * HOUR_S / share + TICK_S
    assert max(fleet.ages) <= hours * HOUR_S / share + MINUTE_S + TICK_S


@pytest.mark.slow
async def test_a_whole_month_never_exceeds_its_quota(clock: FakeClock, in_memory: Build) -> None:
    """Under constant demand it is used up to the last calls, evenly over the weeks."""
    budget, taken = in_memory(CallLimits(CALLS, WINDOW, monthly=10_000)), []
    clock.now = datetime(2026, 3, 1, tzinfo=UTC)
    while clock.now < datetime(2026, 4, 1, tzinfo=UTC):
        try:
            await budget.take()
            taken.append(clock.now)
        except SourceRateLimited:
            pass
        clock.advance(seconds=20)
    assert 9_950 <= len(taken) <= 10_000
    by_week = [sum((at.day - 1) // 7 == week for at in taken) for week in range(4)]
    assert max(by_week) < 1.1 * min(by_week)
