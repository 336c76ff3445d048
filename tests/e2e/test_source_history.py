"""A source that is stopped is found in its history, in the whole system."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TypedDict

import httpx
import pytest

from drill.graphql import GraphQLFailed, ask, open_client
from rates.clock import utc_now
from rates.source import Source
from tests.e2e.one_source import run_system
from tests.e2e.processes import eventually

pytestmark = pytest.mark.servers

# What follows an outage of some seconds, on a busy machine.
PATIENCE_S = 90
BAD = ("STALLED", "DOWN")
BASES = ("BTC", "ETH", "SOL")


class Period(TypedDict):
    """A period of `sourceHistory`."""

    state: str
    reason: str | None


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
    async with run_system(tmp_path, Source.KRAKEN, BASES) as (url, faults), open_client(url) as client:

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
