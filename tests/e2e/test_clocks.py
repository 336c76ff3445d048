"""Wrong clocks: nothing stale is called FRESH, nothing stops, and whoever is wrong is named."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypedDict

import httpx
import msgspec
import pytest
import pytest_asyncio

from drill.distributed.faked_clock import FakedClock
from tests.backends import ServerProcess, start_redis
from tests.e2e.distributed import System, distributed
from tests.e2e.graphql_client import Rate, answered_rates, execute, rates
from tests.e2e.processes import eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
    pytest.mark.servers,
    pytest.mark.long,
]

TTL_S = 6.0
INTERVAL_S = 1.0
PATIENCE_S = 45
# Ages that two gateways give one after the other.
APART_MS = 5_000
STATUSES = "{ sources { source { code } state reason skewMs refusedCount } }"


class SourceCode(TypedDict):
    """A source."""

    code: str


class Status(TypedDict):
    """A source as one gateway sees it."""

    source: SourceCode
    state: str
    reason: str | None
    skewMs: int | None
    refusedCount: int


class _Statuses(TypedDict):
    sources: list[Status]


class ClockFacts(TypedDict):
    """The clock in `/health/ready`."""

    skewMs: int
    redisSkewMs: int | None
    problem: str | None


class Readiness(TypedDict):
    """The part of `/health/ready` that these tests read."""

    ready: bool
    clock: ClockFacts


class Clocks:
    """The running system and the clocks of its processes and of Redis."""

    def __init__(self, system: System, clocks: dict[str, FakedClock], heartbeat: Path) -> None:
        self.system, self._clocks, self.heartbeat = system, clocks, heartbeat
        self.gateway, self.other = system.gateways
        self.kraken_ended = False

    def set(self, name: str, skew_s: float) -> None:
        self._clocks[name].set(skew_s)

    async def status(self, source: str, url: str | None = None) -> Status:
        answer = await execute(url or self.other, STATUSES, _Statuses)
        return next(each for each in answer["sources"] if each["source"]["code"] == source)

    async def readiness(self, url: str) -> tuple[int, Readiness]:
        async with httpx.AsyncClient(timeout=60) as client:
            response = await client.get(f"{url}/health/ready")
        return response.status_code, msgspec.json.decode(response.content, type=Readiness)

    async def sees(self, url: str, *, own_s: float = 0, redis_s: float = 0) -> Readiness:
        """Wait until a gateway has measured these skews."""

        async def measured() -> Readiness | None:
            _, found = await self.readiness(url)
            near = [
                abs((seen or 0) / 1000 - expected) < 2
                for seen, expected in (
                    (found["clock"]["skewMs"], own_s),
                    (found["clock"]["redisSkewMs"], redis_s),
                )
            ]
            return found if all(near) else None

        return await eventually(measured, within_s=PATIENCE_S, what=f"skews of {own_s} and {redis_s} s")

    async def names(self, source: str, pattern: str) -> Status:
        """Wait until the reason of a source names somebody's clock to clients."""

        async def named() -> Status | None:
            found = await self.status(source)
            return found if re.search(pattern, found["reason"] or "") else None

        return await eventually(named, within_s=PATIENCE_S, what=f"{pattern!r} in the reason of {source}")

    async def is_up(self, source: str) -> None:
        """Wait until a source is UP again."""

        async def up() -> bool:
            return (await self.status(source))["state"] == "UP"

        await eventually(up, within_s=PATIENCE_S, what=f"{source} UP")

    async def refreshes(self, source: str) -> None:
        """Wait until every rate of a source has been observed after now."""
        since = datetime.now(UTC)

        async def refreshed() -> bool:
            items = await rates(self.other, sources=[source]) or []
            times = [datetime.fromisoformat(item["observedAt"]) for item in items]
            return len(times) > 1 and min(times) > since

        await eventually(refreshed, within_s=PATIENCE_S, what=f"every rate of {source} anew")

    async def end_kraken(self) -> None:
        """Kill Kraken's feed, once, and wait until its values are dead by the true time."""
        if not self.kraken_ended:
            await self.system.commands["kraken-stream"].kill()
            self.kraken_ended = True

        async def dead() -> bool:
            items = await rates(self.other, sources=["KRAKEN"]) or []
            ages = [(datetime.now(UTC) - datetime.fromisoformat(each["observedAt"])) for each in items]
            return bool(ages) and min(ages).total_seconds() > TTL_S

        await eventually(dead, within_s=PATIENCE_S, what="dead values of Kraken")

    async def call_nothing_dead_fresh(self, url: str) -> list[Rate]:
        items = await answered_rates(url, sources=["KRAKEN"])
        assert items
        assert "FRESH" not in {item["freshness"] for item in items}
        return items

    async def agree(self) -> None:
        """The ages of dead values are the true ones on both gateways."""

        async def are_near() -> bool:
            mine, others = [
                {each["id"]: each["ageMs"] for each in await self.call_nothing_dead_fresh(url)}
                for url in (self.gateway, self.other)
            ]
            return max(abs(mine[key] - others[key]) for key in mine) < APART_MS

        await eventually(are_near, within_s=PATIENCE_S, what="equal ages on both gateways")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clocks(
    tmp_path_factory: pytest.TempPathFactory, rabbitmq_server: ServerProcess, postgres_server: ServerProcess
) -> AsyncIterator[Clocks]:
    """The distributed system, with clocks to set. Some processes start with wrong ones."""
    folder = tmp_path_factory.mktemp("clocks")
    skews = {"gateway-0": -300.0, "binance-0": 300.0, "okx-stream": -300.0, "producer": 0.0, "redis": 0.0}
    faked = {name: FakedClock(folder, name, skew_s) for name, skew_s in skews.items()}
    heartbeat = folder / "heartbeat"
    for server in (rabbitmq_server, postgres_server):
        server.start()
    own = {name: dict(clock.env) for name, clock in faked.items() if name != "redis"}
    own["producer"]["RATEWIRE_HEARTBEAT_FILE"] = str(heartbeat)
    ttls = dict.fromkeys(("binance", "kraken", "okx"), TTL_S)
    settings = {
        "RATEWIRE_PRODUCER_INTERVAL_S": str(INTERVAL_S),
        "RATEWIRE_GATEWAY_TTL_S": msgspec.json.encode(ttls).decode(),
    }
    with start_redis(faked["redis"].env) as redis:
        async with distributed(
            redis.url,
            rabbitmq_server.url,
            postgres_server.url,
            consumers=3,
            streams=("kraken", "okx"),
            settings=settings,
            own_settings=own,
        ) as system:
            yield Clocks(system, faked, heartbeat)


async def test_processes_that_start_with_a_wrong_clock_do_their_share(clocks: Clocks) -> None:
    """O10 and O11: a consumer ahead and a stream behind. Both are named to clients."""
    await clocks.refreshes("BINANCE")
    await clocks.refreshes("OKX")
    binance = await clocks.names("BINANCE", r"the clock of consumer-\S+ is 300 s ahead")
    okx = await clocks.names("OKX", r"the clock of stream-\S+ is 300 s behind")
    for status in (binance, okx):
        assert status["state"] == "DEGRADED"
        assert status["refusedCount"] == 0
        assert abs((status["skewMs"] or 0) - 300_000) < 2_000
    await clocks.system.commands["binance-0"].prints("this machine's clock is 300 s ahead of Redis'")


@pytest.mark.parametrize("skew_s", [-300, 300, -30, 30])
async def test_a_gateway_with_a_wrong_clock_calls_nothing_dead_fresh(clocks: Clocks, skew_s: int) -> None:
    """O1: Kraken's feed is dead. Ages are right, and so is HTTP's `Date`; the skew is told."""
    clocks.set("gateway-0", skew_s)
    await clocks.end_kraken()
    found = await clocks.sees(clocks.gateway, own_s=skew_s)
    await clocks.agree()
    okx = await rates(clocks.gateway, sources=["OKX"]) or []
    assert {item["freshness"] for item in okx} == {"FRESH"}
    assert found["ready"]
    side = "ahead of" if skew_s > 0 else "behind"
    assert f"this machine's clock is {abs(skew_s)} s {side} Redis'" in (found["clock"]["problem"] or "")
    async with httpx.AsyncClient(timeout=60) as client:
        response = await client.get(f"{clocks.gateway}/metrics")
    assert abs(parsedate_to_datetime(response.headers["date"]) - datetime.now(UTC)).total_seconds() < 5
    skew = re.search(r'ratewire_clock_skew_seconds\{process="gateway"\} (\S+)', response.text)
    assert skew is not None
    assert abs(float(skew[1]) - skew_s) < 2


@pytest.mark.parametrize("skew_s", [-900, 900])
async def test_a_gateway_beyond_the_limit_is_not_ready(clocks: Clocks, skew_s: int) -> None:
    """It says so in words, sends its clients elsewhere, and comes back with the right clock."""
    clocks.set("gateway-0", skew_s)
    await clocks.sees(clocks.gateway, own_s=skew_s)
    status, found = await clocks.readiness(clocks.gateway)
    assert (status, found["ready"]) == (503, False)
    assert "at most 600 s are corrected" in (found["clock"]["problem"] or "")

    async def answers(expected: int) -> httpx.Response | None:
        async with httpx.AsyncClient(timeout=60) as client:
            response = await client.post(f"{clocks.gateway}/graphql", json={"query": STATUSES})
        return response if response.status_code == expected else None

    refused = await eventually(lambda: answers(503), within_s=PATIENCE_S, what="a refusal")
    assert "clock" in refused.text
    assert "retry-after" in refused.headers
    assert await rates(clocks.system.url, sources=["OKX"])
    clocks.set("gateway-0", 0)
    await eventually(lambda: answers(200), within_s=PATIENCE_S, what="an answer with the right clock")


@pytest.mark.parametrize("skew_s", [900, -300, 30, -900])
async def test_a_consumer_with_a_wrong_clock_costs_no_symbol(clocks: Clocks, skew_s: int) -> None:
    """O10: it works, or, beyond the limit, leaves its tasks to others. It is named."""
    clocks.set("binance-0", skew_s)
    side = "ahead" if skew_s > 0 else "behind"
    status = await clocks.names("BINANCE", rf"the clock of consumer-\S+ is {abs(skew_s)} s {side}")
    await clocks.refreshes("BINANCE")
    assert status["refusedCount"] == 0
    clocks.set("binance-0", 0)
    await clocks.is_up("BINANCE")


async def test_a_stream_with_a_wrong_clock_goes_on(clocks: Clocks) -> None:
    """O11: nothing is refused, and nobody says that no process reports."""
    for skew_s, said in ((300, "300 s ahead"), (-30, "30 s behind")):
        clocks.set("okx-stream", skew_s)
        await clocks.names("OKX", rf"the clock of stream-\S+ is {said}")
        await clocks.refreshes("OKX")
    assert (await clocks.status("OKX"))["refusedCount"] == 0
    clocks.set("okx-stream", 0)
    await clocks.is_up("OKX")


async def test_a_stream_beyond_the_limit_is_named_and_comes_back(clocks: Clocks) -> None:
    """Its values are refused, so that they are STALE; the clock is the reason that clients read."""
    clocks.set("okx-stream", -900)

    async def stalled() -> Status | None:
        found = await clocks.status("OKX")
        return found if found["state"] == "STALLED" else None

    found = await eventually(stalled, within_s=PATIENCE_S, what="OKX stalled")
    assert "900 s behind" in (found["reason"] or "")
    assert found["refusedCount"] > 0
    clocks.set("okx-stream", 0)
    await clocks.refreshes("OKX")
    await clocks.is_up("OKX")


@pytest.mark.parametrize("skew_s", [-300, 300, -900])
async def test_a_producer_whose_clock_steps_goes_on(clocks: Clocks, skew_s: int) -> None:
    """O12: tasks go on, and so does the heartbeat, up to the limit. The producer is named."""
    clocks.set("producer", skew_s)
    side = "ahead" if skew_s > 0 else "behind"
    await clocks.names("BINANCE", rf"the clock of producer-\S+ is {abs(skew_s)} s {side}")
    clocks.heartbeat.unlink(missing_ok=True)
    await clocks.refreshes("BINANCE")
    assert clocks.heartbeat.exists() is (abs(skew_s) <= 600)
    clocks.set("producer", 0)

    async def beats() -> bool:
        return clocks.heartbeat.exists()

    await eventually(beats, within_s=PATIENCE_S, what="a heartbeat with the right clock")
    await clocks.is_up("BINANCE")


@pytest.mark.parametrize("skew_s", [300, 0, -300, -30])
async def test_a_wrong_clock_of_redis_corrupts_no_age(clocks: Clocks, skew_s: int) -> None:
    """Everybody names Redis and goes on; its processes are still known."""
    clocks.set("gateway-0", 0)
    await eventually(
        lambda: rates(clocks.gateway, sources=["OKX"]), within_s=PATIENCE_S, what="answers of the gateway"
    )
    await clocks.end_kraken()
    stepping = asyncio.create_task(clocks.sees(clocks.other, redis_s=skew_s))
    clocks.set("redis", skew_s)
    while not stepping.done():
        for url in clocks.system.gateways:
            await clocks.call_nothing_dead_fresh(url)
        await asyncio.sleep(0.1)
    found = await stepping
    assert found["ready"]
    await clocks.agree()
    await clocks.refreshes("BINANCE")
    if skew_s:
        side = "ahead of" if skew_s > 0 else "behind"
        await clocks.names("BINANCE", f"Redis' clock is {abs(skew_s)} s {side} this machine's")
    else:

        async def agree() -> bool:
            return "Redis" not in ((await clocks.status("BINANCE"))["reason"] or "")

        await eventually(agree, within_s=PATIENCE_S, what="no word of the clock of Redis")
