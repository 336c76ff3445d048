"""`ratewire up` from a newcomer's point of view: one process and real clients."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import TypedDict

import httpx
import pytest
import pytest_asyncio

from instruments.seed import read_seed
from rates.source import Source
from runtime.free_port import free_port
from tests.e2e.graphql_client import LIVE, execute, fresh_from_all, live_rates, next_event, rates
from tests.e2e.processes import ROOT, Command, eventually, running

CLIENTS = ROOT / "tests" / "clients"
# A guard against hangs: on an idle machine of two cores it takes five seconds.
READY_WITHIN_S = 120


class SourceCode(TypedDict):
    code: str


class SourceStatus(TypedDict):
    source: SourceCode
    state: str
    refusedCount: int


class SourceStatuses(TypedDict):
    sources: list[SourceStatus]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[str, Command, float]]:
    """The embedded system: its address, its process, and when it was started."""
    port = free_port()
    env = {
        "RATEWIRE_GATEWAY_PORT": str(port),
        "RATEWIRE_STANDALONE_FOLDER": str(tmp_path_factory.mktemp("run")),
    }
    began = time.monotonic()
    async with running("up", env=env, anew=True) as command:
        yield f"http://127.0.0.1:{port}", command, began


pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]


async def node(script: str, *arguments: str) -> str:
    """The output of a client script, which must exit with 0."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(CLIENTS / script),
        *arguments,
        cwd=CLIENTS,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(110):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


async def test_a_newcomer_gets_fresh_rates_of_all_sources(system: tuple[str, Command, float]) -> None:
    """A newcomer starts the system, queries it and gets fresh rates."""
    url, _, began = system
    await fresh_from_all(url, within_s=READY_WITHIN_S - (time.monotonic() - began))


async def test_every_tracked_instrument_of_every_source_is_fresh(system: tuple[str, Command, float]) -> None:
    """Every seeded instrument of all six sources is fresh, and no observation was refused."""
    url, _, _ = system
    expected = {f"Rate:{one.source.name}:{one.symbol}" for one in read_seed()}

    async def all_fresh() -> bool:
        items = await rates(url) or ()
        return {item["id"] for item in items if item["freshness"] == "FRESH"} == expected

    await eventually(all_fresh, within_s=60, what="a fresh rate of everything")

    async def all_up() -> bool:
        answer = await execute(url, "{ sources { source { code } state refusedCount } }", SourceStatuses)
        return answer["sources"] == [
            {"source": {"code": source.name}, "state": "UP", "refusedCount": 0} for source in Source
        ]

    # On a busy machine a source lags for a moment, and says so.
    await eventually(all_up, within_s=60, what="every source UP, and nothing refused")


async def test_the_addresses_and_the_simulation_are_announced(system: tuple[str, Command, float]) -> None:
    """The output names the address of the API and says that prices are simulated."""
    _, command, _ = system
    await command.prints("/graphql")
    await command.prints("SIMULATED prices")


async def test_pages_of_this_machine_may_call_it(system: tuple[str, Command, float]) -> None:
    """A developer runs it beside the server of a page; other pages are refused."""
    url, _, _ = system
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        for origin, status in (("http://localhost:5173", 200), ("https://dash.example", 403)):
            answer = await client.options("/graphql", headers={**asked, "origin": origin})
            assert answer.status_code == status


async def test_gql_receives_a_snapshot_and_moving_updates(system: tuple[str, Command, float]) -> None:
    """Python's gql over graphql-transport-ws."""
    url, _, _ = system
    async with live_rates(url, symbols=["BTC/USDT", "ETH/USDT"]) as events:
        first = await next_event(events)
        assert first["kind"] == "SNAPSHOT"
        prices = {item["symbol"]: {item["price"]} for item in first["items"]}
        assert set(prices) == {"BTC/USDT", "ETH/USDT"}
        async with asyncio.timeout(60):
            while not all(len(seen) >= 3 for seen in prices.values()):
                event = await next_event(events)
                assert event["kind"] in ("UPDATE", "HEARTBEAT")
                for item in event["items"]:
                    assert item["simulated"] is True
                    prices[item["symbol"]].add(item["price"])


async def test_npm_graphql_ws_receives_a_snapshot_and_moving_updates(
    system: tuple[str, Command, float],
) -> None:
    """The reference client of the protocol."""
    url, _, _ = system
    output = await node(
        "subscribe.mjs",
        f"{url.replace('http', 'ws')}/graphql",
        LIVE,
        json.dumps({"symbols": ["BTC/USDT"]}),
        "13",
    )
    events = [json.loads(line)["data"]["rates"] for line in output.splitlines()]
    assert [event["kind"] for event in events] == ["SNAPSHOT", *["UPDATE"] * 12]
    assert len({event["items"][0]["price"] for event in events}) >= 3


async def test_it_stops_cleanly_with_a_subscriber_connected(system: tuple[str, Command, float]) -> None:
    """SIGTERM ends it within seconds with exit code 0 and no traceback; the subscription ends."""
    url, command, _ = system
    async with live_rates(url, symbols=["BTC/USDT"]) as events:
        await next_event(events)
        assert await command.stop() == 0
    assert "Traceback" not in command.text
