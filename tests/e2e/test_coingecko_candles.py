"""Candles of CoinGecko are made of the prices that it publishes, in the whole system."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from drill.graphql import GraphQLFailed, ask, open_client
from rates.source import Source
from tests.e2e.one_source import run_system
from tests.e2e.processes import eventually

pytestmark = pytest.mark.servers

# For some prices, which change every two seconds, on a busy machine.
PATIENCE_S = 120
PRICES = 4
SETTINGS = {
    "RATEWIRE_GATEWAY_PORT": "0",
    "RATEWIRE_PRODUCER_INTERVAL_S": "1",
    "RATEWIRE_COINGECKO_CALLS_PER_MINUTE": "1000",
    "RATEWIRE_SIMULATOR_COINGECKO_CALLS_PER_MINUTE": "0",
    "RATEWIRE_SIMULATOR_COINGECKO_REFRESH_SECONDS": "2",
}
RATE = '{ rate(symbol: "BTC/USD", source: COINGECKO) { price observedAt } }'
CANDLES = """
query Candles($interval: CandleInterval!) {
  candles(symbol: "BTC/USD", source: COINGECKO, interval: $interval, last: 300) {
    items { openTime open high low close volume quoteVolume tradeCount vwap origin simulated }
  }
}
"""


async def read_price(client: httpx.AsyncClient) -> tuple[datetime, str] | None:
    """Return the published time and price of now, if there is one."""
    try:
        rate: Any = (await ask(client, RATE))["rate"]
    except (GraphQLFailed, httpx.TransportError):
        return None
    return rate and (datetime.fromisoformat(rate["observedAt"]).astimezone(UTC), rate["price"])


async def read_candles(client: httpx.AsyncClient, interval: str) -> dict[datetime, dict[str, Any]]:
    """Return the candles with a price, by the time at which they begin."""
    try:
        found: Any = (await ask(client, CANDLES, {"interval": interval}))["candles"]
    except (GraphQLFailed, httpx.TransportError):
        # The history of a busy machine may not be read in time.
        return {}
    items = [one for one in found["items"] if one["open"] is not None]
    return {datetime.fromisoformat(one["openTime"]).astimezone(UTC): one for one in items}


@pytest.mark.timeout(4 * PATIENCE_S)
async def test_every_price_that_coingecko_publishes_is_in_its_candles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They say SAMPLES, and have neither volumes nor trades."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    published: dict[datetime, str] = {}
    seconds: dict[datetime, dict[str, Any]] = {}
    minutes: dict[datetime, dict[str, Any]] = {}
    async with run_system(tmp_path, Source.COINGECKO, ("BTC",)) as (url, _), open_client(url) as client:

        async def has_published() -> bool:
            if found := await read_price(client):
                published[found[0]] = found[1]
            return len(published) >= PRICES

        async def has_recorded() -> bool:
            nonlocal seconds, minutes
            seconds, minutes = await read_candles(client, "S1"), await read_candles(client, "M1")
            return all(
                at.replace(microsecond=0) in seconds and at.replace(second=0, microsecond=0) in minutes
                for at in published
            )

        await eventually(has_published, within_s=PATIENCE_S, what=f"{PRICES} prices")
        await eventually(has_recorded, within_s=PATIENCE_S, what=f"the candles of {sorted(published)}")
    for at, price in published.items():
        second = seconds[at.replace(microsecond=0)]
        assert price in {second[name] for name in ("open", "high", "low", "close")}, (at, price, second)
    for one in (*seconds.values(), *minutes.values()):
        assert one["origin"] == "SAMPLES"
        assert one["simulated"] is True
        assert [one[name] for name in ("volume", "quoteVolume", "tradeCount", "vwap")] == [None] * 4
