"""New subscriptions start as fast as the core carries them; the others wait or are refused."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from cache.memory import MemoryCache
from gateway import admission as admission_module
from gateway.admission import TURN_S, Admission, TooManyJoins
from tests.gateway.fixture_types import BuildTicker, ReadyGateway
from tests.gateway.raw_socket import LEGACY, MODERN, RATES, raw_socket
from tests.virtual_time import run_virtually


class Core:
    """A core whose CPU time passes as a test says."""

    def __init__(self) -> None:
        self.spent_s = self.now_s = 0.0
        self.log: list[str] = []

    def read(self) -> float:
        return self.spent_s

    def now(self) -> float:
        return self.now_s

    def work(self, name: str, cost_s: float) -> Callable[[], None]:
        def run() -> None:
            self.log.append(name)
            self.spent_s += cost_s

        return run


def never() -> None:
    raise AssertionError("not expected")


def test_a_turn_starts_what_fits_into_it_and_the_next_turn_goes_on() -> None:
    """In the order in which they came; one at least, however much it costs."""

    async def main() -> None:
        core = Core()
        admission = Admission(max_waiting=10, wait_s=1, now_s=core.now, cpu_s=core.read)
        costs = [0.4, 0.4, 0.4, 3, 0.6, 0.6, 0.1]
        for number, share in enumerate(costs):
            admission.enter(core.work(str(number), share * TURN_S), never)
        turns = []
        while admission.waiting:
            turns.append("".join(core.log))
            await asyncio.sleep(0)
        turns.append("".join(core.log))
        assert turns == ["012", "0123", "012345", "0123456"]
        assert (admission.admitted, admission.refused) == (7, 0)

    run_virtually(main())


def test_a_newcomer_does_not_pass_those_who_wait() -> None:
    """Although its turn has time left."""

    async def main() -> None:
        core = Core()
        admission = Admission(max_waiting=10, wait_s=1, now_s=core.now, cpu_s=core.read)
        admission.enter(core.work("a", 2 * TURN_S), never)
        first = admission.enter(core.work("b", 0), never)
        assert first is not None
        second = admission.enter(core.work("c", 0), never)
        assert second is not None
        first.cancel()
        first.cancel()
        assert admission.waiting == 1
        await asyncio.sleep(0)
        assert core.log == ["a", "c"]

    run_virtually(main())


def test_beyond_the_queue_and_after_the_wait_they_are_refused() -> None:
    """At once where the queue is full; in their turn where it came too late."""

    async def main() -> None:
        core = Core()
        admission = Admission(max_waiting=3, wait_s=1, now_s=core.now, cpu_s=core.read)
        for name in "abcde":
            admission.enter(core.work(name, 2 * TURN_S), core.work(f"no {name}", TURN_S / 10))
        assert core.log == ["a", "no e"]
        await asyncio.sleep(0)
        assert core.log == ["a", "no e", "b"]
        core.now_s = 1.0
        await asyncio.sleep(0)
        assert core.log == ["a", "no e", "b", "no c", "no d"]
        assert (admission.admitted, admission.refused, admission.waiting) == (2, 3, 0)

    run_virtually(main())


def test_a_stream_waits_for_its_turn_or_raises() -> None:
    """And leaves the queue when it is cancelled."""

    async def main() -> None:
        core = Core()
        admission = Admission(max_waiting=2, wait_s=1, now_s=core.now, cpu_s=core.read)
        await admission.wait()
        await asyncio.sleep(0)
        admission.enter(core.work("a", 2 * TURN_S), never)
        cancelled = admission.wait()
        cancelled.send(None)
        assert admission.waiting == 1
        cancelled.close()
        assert admission.waiting == 0
        admission.enter(core.work("b", 0), never)
        admission.enter(core.work("c", 0), never)
        with pytest.raises(TooManyJoins):
            await admission.wait()
        await asyncio.sleep(0)
        await admission.wait()
        assert (core.log, admission.waiting, admission.admitted) == (["a", "b", "c"], 0, 5)

    run_virtually(main())


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One subscription fills a turn, so the next one waits."""
    monkeypatch.setattr(admission_module, "TURN_S", 0.0)


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("subprotocol", [MODERN, LEGACY])
async def test_those_who_wait_are_started_and_their_sockets_live_meanwhile(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker, subprotocol: str
) -> None:
    """Each gets its snapshot."""
    await cache.write([ticker(price="7")])
    async with ready_gateway() as served, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(raw_socket(served.ws, subprotocol)) for _ in range(20)]
        await asyncio.gather(*(client.start("1", RATES) for client in clients))
        for client in clients:
            event = await client.receive()
            assert event["payload"]["data"]["rates"]["items"] == [{"symbol": "BTC/USDT", "price": "7"}]


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("subprotocol", [MODERN, LEGACY])
async def test_a_socket_whose_subscription_finds_no_turn_is_closed_with_1013(
    ready_gateway: ReadyGateway, subprotocol: str
) -> None:
    """Every library comes back after it; an `error` would be final."""
    async with (
        ready_gateway(join_wait_s=1e-9) as served,
        raw_socket(served.ws, subprotocol) as client,
        served.client() as http,
    ):
        await client.start("1", RATES)
        assert await client.closed() == (1013, "too many new subscriptions at once: try again")
        metrics = (await http.get("/metrics")).text
        assert "ratewire_gateway_joins_refused_total 1.0" in metrics
        assert "ratewire_gateway_joins_waiting 0.0" in metrics


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("accept", ["text/event-stream", "multipart/mixed;subscriptionSpec=1.0"])
async def test_a_stream_that_finds_no_turn_is_a_503(ready_gateway: ReadyGateway, accept: str) -> None:
    """It names when to come back; queries are answered."""
    async with ready_gateway(join_wait_s=1e-9) as served, served.client() as client:
        answer = await client.post("/graphql", json={"query": RATES}, headers={"accept": accept})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"
        answer = await client.post("/graphql", json={"query": "{ __typename }"})
        assert answer.json() == {"data": {"__typename": "Query"}}
