"""CoinGecko's listing, from its own response and over a real HTTP server."""

import gzip
import json
from collections import Counter

import pytest

from instruments.listed import ListedInstrument, TradingStatus
from pipeline.coordination.call_limits import CallLimits
from pipeline.coordination.memory_request_budget import MemoryRequestBudget
from pipeline.sources.coingecko.factory import WINDOW, coingecko
from pipeline.sources.coingecko.listing import parse_listing
from pipeline.sources.coingecko.settings import CoinGeckoSettings
from rates.errors import SourceProtocolError, SourceRateLimited
from rates.source import Source
from tests.pipeline.fakes import FakeClock, source_context
from tests.pipeline.http_server import open_server
from tests.pipeline.recordings import recorded

BODY = '[{"id":"pepe","symbol":"pepe","name":"Pepe"},{"id":"pepe-2-0","symbol":"PEPE","name":""}]'
PEPE = ListedInstrument("pepe", "PEPE", None, "Pepe", TradingStatus.TRADING, "active")


def test_coins_are_identified_by_their_ids() -> None:
    """Many coins may share a symbol. Any currency is a quote."""
    first, second = parse_listing(BODY.encode()).instruments
    assert first == PEPE
    assert (second.source_symbol, second.base, second.name) == ("pepe-2-0", "PEPE", "pepe-2-0")


@pytest.mark.parametrize("body", [b"{}", b'{"error":"x"}', b'[{"symbol":"pepe"}]', BODY[:-4].encode()])
def test_a_partly_unreadable_response_is_rejected(body: bytes) -> None:
    """A skipped coin would look like a delisted one."""
    with pytest.raises(SourceProtocolError):
        parse_listing(body)


@pytest.mark.parametrize("odd", [b"null", b'"\xff"', b"7"])
def test_an_odd_symbol_costs_its_entry_only(odd: bytes) -> None:
    """One of 17,000 must not stop the updates of all others."""
    coins = [f'{{"id":"coin-{number}","symbol":"c{number}","name":"C"}}'.encode() for number in range(300)]
    body = b"[" + b",".join([*coins, b'{"id":"odd","symbol":' + odd + b',"name":"Odd"}']) + b"]"
    found = [one for one in parse_listing(body).instruments if one.base]
    assert len(found) == 300


@pytest.mark.slow
def test_the_recorded_list_is_read_whole() -> None:
    """17892 coins of 2025-08-03. Six of them have the symbol BTC, 25 PEPE."""
    recording = json.loads(gzip.decompress(recorded("coingecko_coins_list_20250803.json.gz").read_bytes()))
    found = parse_listing(json.dumps(recording["body"]).encode()).instruments
    count = Counter(one.base for one in found)
    assert (len(found), count["BTC"], count["PEPE"]) == (17_892, 6, 25)


@pytest.mark.servers
async def test_the_listing_costs_one_call_of_the_shared_budget() -> None:
    """With an empty budget it is not fetched."""
    async with open_server(BODY, path="/api/v3") as server:
        clock = FakeClock()
        budget = MemoryRequestBudget(Source.COINGECKO, CallLimits(1, WINDOW), clock=clock)
        context = source_context(Source.COINGECKO, clock=clock, budget=budget)
        adapter = coingecko(CoinGeckoSettings(jitter_s=0, url=server.url))
        assert adapter.open_listing is not None
        async with adapter.open_listing(context) as fetcher:
            assert PEPE in (await fetcher.fetch_listing()).instruments
            with pytest.raises(SourceRateLimited):
                await fetcher.fetch_listing()
    assert [target for target, _ in server.asked] == ["/api/v3/coins/list"]
