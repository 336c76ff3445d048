"""The page of `examples/react`, built and opened in a browser from an origin of its own."""

import asyncio
import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from cache.memory import MemoryCache
from drill.distributed.relay import cuttable
from tests.dashboard.browser import find_chromium
from tests.e2e.processes import ROOT
from tests.e2e.programs import output_of
from tests.gateway.fixture_types import BuildTicker, ReadyGateway
from tests.gateway.node_client import NodeClient, node_client

PAGE = ROOT / "examples" / "react"
TIMEOUT_S = 60

pytestmark = [pytest.mark.servers, pytest.mark.slow]


async def shown(client: NodeClient, holds: Callable[[str], object]) -> str:
    """The visible text of the page, as soon as `holds` is true of it."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            line = await client.line()
            assert "error" not in line, line
            if holds(line["text"]):
                return str(line["text"])


async def test_the_page_of_the_examples_is_live_and_resumes_through_its_link(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Its first event continues the query; after a cut it has what it missed, with proof."""
    for command in (("ci", "--no-audit", "--no-fund"), ("run", "build")):
        await output_of("npm", "--silent", *command, cwd=PAGE, env={})
    await cache.write([ticker(price="1.5", sequence=1), ticker("ETH/USDT", price="0.5", sequence=1)])
    async with (
        ready_gateway(allowed_origins=["loopback"]) as served,
        cuttable(int(served.http.rpartition(":")[2])) as relay,
    ):
        url = f"http://127.0.0.1:{relay.own_port}/graphql"
        parameters = urlencode({"url": url, "symbols": "BTC/USDT,ETH/USDT,NO/SUCH"})
        async with node_client("page_text.mjs", str(PAGE / "dist"), parameters, find_chromium()) as client:
            first = await shown(client, lambda text: "Live. Nothing was missed: 0" in text)
            assert re.search(r"BTC/USDT\s+Binance\s+1\.5\s+fresh", first)
            assert "NO/SUCH is not tracked" in first
            await cache.write([ticker("ETH/USDT", price="2.5", sequence=2)])
            await shown(client, lambda text: "2.5" in text)
            relay.blackhole()
            await cache.write([ticker(price="3.5", sequence=3)])
            relay.cut()
            relay.restore()
            await shown(client, lambda text: "Not connected." in text)
            # From the cursor of the query, both would have changed.
            again = await shown(client, lambda text: "Live. Nothing was missed: 1" in text)
            assert re.search(r"BTC/USDT\s+Binance\s+3\.5\s+fresh", again)
