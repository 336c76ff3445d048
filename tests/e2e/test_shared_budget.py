"""The budget of one key on gateways that are processes of their own over one Redis."""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from access.api_key import KeySpec
from access.gcra import BucketLimits
from access.key_store import KeyStore
from access.plan import PlanLimits
from cache.redis_client import RedisClient, open_redis
from drill.distributed.backends import start_redis
from drill.distributed.server_process import ServerProcess
from gateway.budgets.point_leaser import OUTAGE_PART
from instruments.store import InstrumentStore
from rates.clock import utc_now
from rates.redis_keys import RedisKeys
from tests.e2e.processes import eventually
from tests.gateway.gateway_processes import GatewayProcess, database_url, gateway_processes

pytestmark = pytest.mark.servers

SYMBOL, PLAN = "BTC/USDT", "steady"
WITHIN_S = 60
# Some 300 points.
QUERY = {"query": f'{{ rate(symbol: "{SYMBOL}") {{ price }} }}'}


async def create_key(folder: Path) -> tuple[str, str]:
    """Create a key of the plan; its id and its text."""
    store = InstrumentStore(database_url(folder))
    created = await KeyStore(store).create(KeySpec(name="steady", plan=PLAN), actor="test", now=utc_now())
    await store.close()
    return created.key.id, created.text


def plan_setting(limits: PlanLimits) -> Mapping[str, str]:
    """The setting that adds the plan."""
    return {"plans": json.dumps({PLAN: limits.model_dump(exclude_none=True)})}


async def spent_points(client: httpx.AsyncClient, gateway: GatewayProcess) -> float:
    """Points that the clients of the plan have spent on a gateway."""
    text = (await client.get(f"{gateway.http}/metrics")).text
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return next(
        each.value
        for each in samples
        if each.name == "ratewire_budget_points_total" and each.labels["plan"] == PLAN
    )


class Reading(NamedTuple):
    """Points that were spent so far, and the times of Redis before and after.

    In seconds.
    """

    before_s: float
    points: float
    after_s: float


class SharedBudget:
    """The budget of a key, read from Redis and from the gateways."""

    def __init__(self, redis: RedisClient, limits: BucketLimits, key_id: str) -> None:
        self._redis, self._limits = redis, limits
        self._name = RedisKeys(simulated=True).spent(f"key:{key_id}")

    async def now_s(self) -> float:
        seconds, microseconds = await self._redis.execute_command("TIME")
        return int(seconds) + int(microseconds) / 1e6

    async def is_spent(self) -> bool:
        """Whether hardly a point is left in Redis.

        Then the plan limits what is served, not the demand.
        """
        script = "return {redis.call('GET', KEYS[1]) or '0', redis.call('TIME')}"
        arrival, (seconds, microseconds) = await self._redis.execute_command("EVAL", script, 1, self._name)
        # Times of the script count from 2026.
        now_us = (int(seconds) - 1_767_225_600) * 1e6 + int(microseconds)
        available = self._limits.capacity - (float(arrival) - now_us) / 1e6 / self._limits.point_s
        return available < self._limits.capacity / 50

    async def read(self, client: httpx.AsyncClient, gateways: list[GatewayProcess]) -> Reading:
        """Read what was spent, at a moment at which the budget is spent."""
        await eventually(self.is_spent, within_s=WITHIN_S, what="a spent budget")
        before_s = await self.now_s()
        points = sum(await asyncio.gather(*(spent_points(client, each) for each in gateways)))
        return Reading(before_s, points, await self.now_s())


async def ask_for_ever(client: httpx.AsyncClient, gateway: GatewayProcess, text: str) -> None:
    """Ask one question after the other."""
    while True:
        answer = await client.post(
            f"{gateway.http}/graphql", json=QUERY, headers={"authorization": f"Bearer {text}"}
        )
        assert answer.status_code in {200, 429}, answer.text


# Four accounts over one Redis are among the ordinary tests.
@pytest.mark.long
@pytest.mark.timeout(400)
async def test_four_gateways_together_serve_a_key_what_its_plan_says(
    redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Within 5 % under a steady overload, by the clock of Redis, as the budget counts.

    Both readings are made when the budget is spent, and the time that they take is counted against them: a machine that is slow
    makes the bounds wider, not the test fail.
    """
    # Some 35 answers a second; each of 32 connections asks ten times a second at most, because a refusal takes 100 ms.
    limits = PlanLimits(points=600_000, window_s=60, burst=120_000)
    bucket = BucketLimits.of(limits.named(PLAN))
    assert bucket is not None
    points_per_s, window_s, connections = 1 / bucket.point_s, 20, 8
    async with gateway_processes(4, redis_url, tmp_path, [SYMBOL], access=plan_setting(limits)) as gateways:
        key_id, text = await create_key(tmp_path)
        redis = open_redis(redis_url)
        budget = SharedBudget(redis, bucket, key_id)
        pool = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=WITHIN_S, limits=pool) as client, asyncio.TaskGroup() as tasks:
            asking = [
                tasks.create_task(ask_for_ever(client, gateway, text))
                for gateway in gateways
                for _ in range(connections)
            ]
            first = await budget.read(client, gateways)

            async def is_over() -> bool:
                return await budget.now_s() >= first.after_s + window_s

            await eventually(is_over, within_s=WITHIN_S + window_s, what="the end of the window")
            last = await budget.read(client, gateways)
            for each in asking:
                each.cancel()
        await redis.aclose()
    spent = last.points - first.points
    least_s, most_s = last.before_s - first.after_s, last.after_s - first.before_s
    share = spent / (points_per_s * (least_s + most_s) / 2)
    seen = f"four gateways: {spent:.0f} points in {least_s:.3f} to {most_s:.3f} s, {share:.3f} of the limit"
    with capsys.disabled():
        print(f"\n{seen}")  # noqa: T201 - the figures of the run
    assert 0.95 * points_per_s * least_s <= spent <= 1.05 * points_per_s * most_s


@pytest.fixture
def own_redis() -> Iterator[ServerProcess]:
    """A Redis that no other test needs."""
    with start_redis() as server:
        yield server


class Client:
    """Asks one gateway with a key."""

    def __init__(self, client: httpx.AsyncClient, gateway: GatewayProcess, text: str) -> None:
        self._client, self._gateway, self._text = client, gateway, text

    async def status(self) -> int:
        """Ask, and return the status. No other than the budget refuses."""
        answer = await self._client.post(
            f"{self._gateway.http}/graphql", json=QUERY, headers={"authorization": f"Bearer {self._text}"}
        )
        if answer.status_code == 503:
            assert "budgets cannot be reached" in answer.text
        return answer.status_code

    async def is_answered(self) -> bool:
        return await self.status() == 200


async def test_gateways_go_on_without_redis_for_the_grace_and_never_without_a_limit(
    own_redis: ServerProcess, tmp_path: Path
) -> None:
    """Redis is killed while leases are held, and comes back empty."""
    # 500 points a second; a lease may be spent for 20 s.
    limits = PlanLimits(points=300_000, window_s=600, burst=300_000)
    bucket = BucketLimits.of(limits.named(PLAN))
    assert bucket is not None
    access = {**plan_setting(limits), "grace_s": "2"}
    # Without Redis a gateway sends its clients away, too, but later than this test lasts.
    settings = {"unready_after_s": 3_600}
    async with (
        gateway_processes(2, own_redis.url, tmp_path, [SYMBOL], access=access, **settings) as gateways,
        httpx.AsyncClient(timeout=WITHIN_S) as http,
    ):
        _, text = await create_key(tmp_path)
        clients = [Client(http, gateway, text) for gateway in gateways]
        for client in clients:
            assert await client.status() == 200
        before = [await spent_points(http, gateway) for gateway in gateways]
        began_s = time.monotonic()
        own_redis.kill()
        # What is leased needs no Redis.
        for client in clients:
            assert await client.status() == 200
        for client, gateway, earlier in zip(clients, gateways, before, strict=True):
            async with asyncio.timeout(WITHIN_S):
                while await client.status() != 503:
                    pass
            for _ in range(30):
                assert await client.status() == 503
            spent = await spent_points(http, gateway) - earlier
            # A lease is at most a quarter of what is available.
            leased, alone_per_s = bucket.capacity / 4, OUTAGE_PART / bucket.point_s
            assert (
                0
                < spent
                <= leased + OUTAGE_PART * bucket.capacity + alone_per_s * (time.monotonic() - began_s)
            )
        own_redis.start()
        for client in clients:
            await eventually(client.is_answered, within_s=WITHIN_S, what="an answer with Redis back")
