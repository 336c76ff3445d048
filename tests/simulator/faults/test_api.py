"""The fault API: accepted and refused requests."""

from pathlib import Path

import httpx
import pytest

from rates.errors import InvalidSetting
from simulator.faults.client import FaultClient
from simulator.faults.kinds import KINDS
from simulator.sources import SOURCES
from tests.json_types import Json
from tests.simulator.conftest import FakeClock, OpenSimulator
from tests.simulator.faults.conftest import control_of

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("source", SOURCES)
async def test_every_fault_of_a_source_can_be_injected_and_healed(
    open_simulator: OpenSimulator, clock: FakeClock, source: str
) -> None:
    """All of them with default parameters; a fault with a duration ends by itself."""
    async with open_simulator(clock) as at:
        client = FaultClient(control_of(at).removesuffix("/simulator/faults"))
        for kind in KINDS.values():
            if source in kind.sources:
                injected = await client.inject(source, kind.name, duration_s=60)
                assert (injected["source"], injected["fault"], injected["ends_in_s"]) == (
                    source,
                    kind.name,
                    60,
                )
        found = await client.faults()
        assert len(found["faults"]) == sum(source in kind.sources for kind in KINDS.values())
        first = found["faults"][0]
        assert [each["id"] for each in await client.heal(fault_id=first["id"])] == [first["id"]]
        clock.advance(60)
        assert (await client.faults())["faults"] == []
        assert await client.heal() == []


@pytest.mark.parametrize(
    ("wish", "field", "expected"),
    [
        ({"source": "mtgox", "fault": "silence"}, "source", "kraken"),
        ({"source": "coinbase", "fault": "http-418"}, "fault", "http-429"),
        ({"source": "okx", "fault": "fire"}, "fault", "silence"),
        ({"source": "okx", "fault": "silent", "symbols": ["DOGE/EUR"]}, "symbols", "BASE/QUOTE"),
        ({"source": "okx", "fault": "silence", "symbols": ["BTC-USDT"]}, "symbols", "silent"),
        ({"source": "okx", "fault": "silent", "symbols": "BTC-USDT"}, "symbols", "list"),
        ({"source": "okx", "fault": "garbage", "parameters": {"form": "jpeg"}}, "form", "html"),
        ({"source": "okx", "fault": "clock", "parameters": {"offset_s": "later"}}, "offset_s", "number"),
        ({"source": "okx", "fault": "clock", "parameters": {"speed": 2}}, "parameters", "offset_s"),
        ({"source": "okx", "fault": "clock", "duration_s": -1}, "duration_s", "positive"),
        ({"source": "okx", "fault": "clock", "count": True}, "count", "positive"),
        ({"source": "okx", "fault": "clock", "until": 3}, "field", "duration_s"),
    ],
)
async def test_an_invalid_request_is_refused_with_the_expected_values(
    open_simulator: OpenSimulator, wish: dict[str, Json], field: str, expected: str
) -> None:
    """400 with field, seen and expected value; no fault becomes active."""
    async with open_simulator() as at, httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(control_of(at), json=wish)
        error = answer.json()["error"]
        assert (answer.status_code, error["field"]) == (400, field)
        assert expected in str(error["expected"])
        assert (await client.get(control_of(at))).json()["faults"] == []


async def test_only_json_is_taken(open_simulator: OpenSimulator) -> None:
    """Web forms get 415, malformed JSON 400."""
    async with open_simulator() as at, httpx.AsyncClient(timeout=60) as client:
        form = {"source": "okx", "fault": "silence"}
        assert (await client.post(control_of(at), data=form)).status_code == 415
        headers = {"content-type": "application/json"}
        assert (await client.post(control_of(at), content="{", headers=headers)).status_code == 400
        assert (await client.post(control_of(at), content="[]", headers=headers)).status_code == 400


async def test_healing_an_unknown_fault(open_simulator: OpenSimulator) -> None:
    """An unknown fault id is 404 and lists the active ones; an unknown source is 400."""
    async with open_simulator() as at, httpx.AsyncClient(timeout=60) as client:
        assert (await client.delete(f"{control_of(at)}/7")).status_code == 404
        assert (await client.delete(f"{control_of(at)}/x")).status_code == 400
        assert (await client.delete(f"{control_of(at)}?source=mtgox")).status_code == 400
        assert (await client.delete(f"{control_of(at)}?source=okx")).json() == {"healed": []}


async def test_without_a_simulator_the_client_says_where_it_looked() -> None:
    """The error names the URL instead of showing a traceback of the HTTP library."""
    with pytest.raises(InvalidSetting, match=r"127\.0\.0\.1:1"):
        await FaultClient("http://127.0.0.1:1").faults()


def test_the_table_in_the_documentation_is_that_of_the_code() -> None:
    """docs/simulator.md lists every fault with its sources, parameters and effect."""
    page = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
    for kind in KINDS.values():
        sources = "all" if kind.sources == SOURCES else ", ".join(kind.sources)
        parameters = ", ".join(f"`{name}={one.default:g}`" if isinstance(one.default, float) else f"`{name}={one.default}`" for name, one in kind.parameters.items())  # fmt: skip
        assert f"| `{kind.name}` | {kind.what} | {sources} | {parameters} |" in page, kind.name
