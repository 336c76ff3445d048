"""A source that is stopped is found in its history, in the whole system."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TypedDict

import httpx
import pytest

from drill.graphql import GraphQLFailed, ask, open_client
from gateway.server import bind
from gateway.settings import GatewaySettings
from rates.clock import utc_now
from rates.source import Source
from runtime.settings import load_settings
from simulator.faults.client import FaultClient
from simulator.server import run_simulator
from simulator.settings import SimulatorSettings
from standalone.app import start_system
from standalone.database import open_database
from standalone.pipeline import SourceSet
from standalone.simulated import simulated_sources
from tests.e2e.processes import eventually

pytestmark = pytest.mark.servers

# What follows an outage of some seconds, on a busy machine.
PATIENCE_S = 90
BAD = ("STALLED", "DOWN")
SYMBOLS = ("BTC", "ETH", "SOL")


class Period(TypedDict):
    """A period of `sourceHistory`."""

    state: str
    reason: str | None


@asynccontextmanager
async def run_system(folder: Path) -> AsyncIterator[tuple[str, FaultClient]]:
    """Run the whole system in this process: its address, and the faults of its sources."""
    stop = asyncio.Event()
    settings = load_settings(SimulatorSettings, http_port=0, ws_port=0, host="127.0.0.1")
    with closing(bind(load_settings(GatewaySettings))) as listener:
        async with (
            run_simulator(settings) as addresses,
            open_database(folder, (), simulated=True) as instruments,
            asyncio.TaskGroup() as group,
        ):
            for one in await instruments.read():
                if one.source is not Source.KRAKEN or one.symbol.base not in SYMBOLS:
                    await instruments.remove(one.source, one.symbol)
            adapters = simulated_sources(addresses)
            sources = SourceSet({Source.KRAKEN: adapters[Source.KRAKEN]}, addresses.label)
            start_system(group, stop, sources, instruments, listener, with_listings=False)
            try:
                faults = FaultClient(addresses.status_url.removesuffix("/simulator/status"))
                yield f"http://127.0.0.1:{listener.getsockname()[1]}", faults
            finally:
                stop.set()


async def read_periods(client: httpx.AsyncClient, since: datetime) -> list[tuple[datetime, datetime, Period]]:
    """Return begin, end and period of each state since a time."""
    until = utc_now() + timedelta(minutes=1)
    try:
        answer = await ask(
            client,
            f'{{ sourceHistory(source: KRAKEN, from: "{since.isoformat()}", to: "{until.isoformat()}")'
            " { periods { from to state reason } points { receivedCount } } }",
        )
    except GraphQLFailed:
        # The history of a busy machine may not be read in time.
        return []
    history = answer["sourceHistory"]
    assert isinstance(history, dict)
    return [(_time(one["from"]), _time(one["to"]), one) for one in history["periods"]]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.timeout(4 * PATIENCE_S)
async def test_an_outage_of_a_source_is_a_period_of_its_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins after the source was stopped, ends after it came back, and says why."""
    monkeypatch.setenv("RATEWIRE_GATEWAY_PORT", "0")
    monkeypatch.setenv("RATEWIRE_GATEWAY_TTL_S", '{"kraken": 10}')
    began, periods = utc_now(), list[tuple[datetime, datetime, Period]]()
    async with run_system(tmp_path) as (url, faults), open_client(url) as client:

        async def is_ready() -> bool:
            try:
                return (await client.get("/health/ready")).is_success
            except httpx.TransportError:
                return False

        async def ends_with(*states: str) -> bool:
            nonlocal periods
            periods = await read_periods(client, began)
            return bool(periods) and periods[-1][2]["state"] in states

        await eventually(is_ready, within_s=PATIENCE_S, what="a gateway that is ready")
        await eventually(lambda: ends_with("UP"), within_s=PATIENCE_S, what="the first period that is UP")
        stopped_at = utc_now()
        await faults.inject("kraken", "silence", parameters={"scope": "all"})
        await eventually(lambda: ends_with(*BAD), within_s=PATIENCE_S, what="a period of the outage")
        healed_at = utc_now()
        await faults.heal(source="kraken")
        await eventually(lambda: ends_with("UP"), within_s=PATIENCE_S, what="a period that is UP again")
    bad = [one for one in periods if one[2]["state"] in BAD and one[0] >= stopped_at]
    assert bad[-1][1] >= healed_at - timedelta(seconds=5)
    assert all(one[2]["reason"] for one in bad)
    # Nothing is missing, and nothing overlaps.
    assert all(before[1] == after[0] for before, after in pairwise(periods))
