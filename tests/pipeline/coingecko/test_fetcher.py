"""The CoinGecko client against a real HTTP server on a free port."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from pipeline.budget.memory_budget import MemoryCallBudget
from pipeline.compose import fetcher_of
from pipeline.ports import RateFetcher
from pipeline.sources.coingecko.parts import coingecko
from pipeline.sources.coingecko.settings import CoinGeckoSettings
from pipeline.sources.parts import Surroundings
from pipeline.sources.simulation import SIMULATED_HEADER
from pipeline.task import Wanted
from rates.errors import InvalidSetting, SimulationMismatch, SourceRateLimited, SourceUnavailable
from rates.source import Source
from rates.symbol import parse_symbol
from tests.pipeline import http_server
from tests.pipeline.fakes import START, FakeClock, health
from tests.pipeline.http_server import Server

WANTED = [Wanted(parse_symbol("BTC/USD"), "bitcoin"), Wanted(parse_symbol("ETH/USD"), "ethereum")]
PRICES = {"bitcoin": {"usd": 1.5, "last_updated_at": 1779092258}, "ethereum": {"usd": 2}}


@asynccontextmanager
async def open_server() -> AsyncIterator[Server]:
    async with http_server.open_server(json.dumps(PRICES), path="/api/v3") as server:
        yield server


class Client:
    def __init__(self, settings: CoinGeckoSettings, *, simulated: bool = False) -> None:
        self.clock = FakeClock()
        self.health = health(Source.COINGECKO)
        self.parts = coingecko(settings)
        assert self.parts.limits is not None
        self.budget = MemoryCallBudget(Source.COINGECKO, self.parts.limits, clock=self.clock)
        self.around = Surroundings(
            health=self.health, simulated=simulated, clock=self.clock, budget=self.budget
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[RateFetcher]:
        async with asyncio.timeout(20), fetcher_of(self.parts)(self.around) as fetcher:
            yield fetcher


async def test_one_call_asks_for_everything() -> None:
    """All ids, their currencies, times, changes and full precision."""
    async with open_server() as server:
        client = Client(CoinGeckoSettings(url=server.url))
        async with client.open() as fetcher:
            found = await fetcher.fetch(WANTED)
    assert [(str(one.symbol), str(one.price)) for one in found] == [("BTC/USD", "1.5"), ("ETH/USD", "2")]
    (target, _), *others = server.asked
    assert not others
    assert urlsplit(target).path == "/api/v3/simple/price"
    assert parse_qs(urlsplit(target).query) == {
        "ids": ["bitcoin,ethereum"],
        "vs_currencies": ["usd"],
        "include_24hr_change": ["true"],
        "include_last_updated_at": ["true"],
        "precision": ["full"],
    }
    assert client.health.budget is not None
    assert client.health.budget.remaining == 29


@pytest.mark.parametrize(("plan", "header"), [("demo", "x-cg-demo-api-key"), ("pro", "x-cg-pro-api-key")])
async def test_the_key_goes_into_the_header_of_its_plan(plan: str, header: str) -> None:
    """And never into the URL, which ends up in logs."""
    async with open_server() as server:
        settings = CoinGeckoSettings(url=server.url, plan=plan, api_key=SecretStr("s3cret"))  # type: ignore[arg-type]
        async with Client(settings).open() as fetcher:
            await fetcher.fetch(WANTED)
    target, headers = server.asked[0]
    assert headers[header] == "s3cret"
    assert "s3cret" not in target
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    "settings",
    [CoinGeckoSettings(plan="demo"), CoinGeckoSettings(api_key=SecretStr("x"))],
    ids=["no key", "no plan"],
)
async def test_plan_and_key_must_fit(settings: CoinGeckoSettings) -> None:
    """A mistake that CoinGecko would answer with a refusal is found at start."""
    with pytest.raises(InvalidSetting):
        async with Client(settings).open():
            pass


async def test_a_call_that_cannot_be_newer_is_skipped() -> None:
    """Until the edge's copy has run out, the last answer stands, at no cost; another question is another copy."""
    async with open_server() as server:
        server.headers["cache-control"] = "public, s-maxage=60"
        server.headers["age"] = "20"
        client = Client(CoinGeckoSettings(url=server.url))
        async with client.open() as fetcher:
            first = await fetcher.fetch(WANTED)
            client.clock.advance(seconds=39)
            assert await fetcher.fetch(WANTED) == first
            assert len(server.asked) == 1
            assert len(await fetcher.fetch(WANTED[:1])) == 1
            client.clock.advance(seconds=60)
            assert len(await fetcher.fetch(WANTED)) == 2
    assert len(server.asked) == 3


async def test_a_refusal_for_rate_is_obeyed_by_all_replicas() -> None:
    """Retry-After goes into the shared budget: until then nobody calls."""
    async with open_server() as server:
        server.status = 429
        server.headers["retry-after"] = "30"
        client = Client(CoinGeckoSettings(url=server.url))
        async with client.open() as one, client.open() as other:
            with pytest.raises(SourceRateLimited):
                await one.fetch(WANTED)
            server.status = 200
            client.clock.advance(seconds=29)
            with pytest.raises(SourceRateLimited):
                await other.fetch(WANTED)
            assert len(server.asked) == 1
            client.clock.advance(seconds=1)
            assert len(await other.fetch(WANTED)) == 2


async def test_no_call_is_made_beyond_the_budget() -> None:
    """Two a minute are two a minute."""
    async with open_server() as server:
        client = Client(CoinGeckoSettings(url=server.url, calls_per_minute=2, update_interval_s=0))
        async with client.open() as fetcher:
            await fetcher.fetch(WANTED)
            await fetcher.fetch(WANTED)
            with pytest.raises(SourceRateLimited, match="budget"):
                await fetcher.fetch(WANTED)
    assert len(server.asked) == 2


async def test_silence_ends_in_a_timeout() -> None:
    """As unavailable, which another consumer may try again."""
    async with open_server() as server:
        server.answers = False
        async with Client(CoinGeckoSettings(url=server.url, timeout_s=0.1)).open() as fetcher:
            with pytest.raises(SourceUnavailable):
                await fetcher.fetch(WANTED)


async def test_an_unreachable_host_is_unavailable() -> None:
    """And the message says what happened."""
    async with open_server() as server:
        url = server.url
    async with Client(CoinGeckoSettings(url=url)).open() as fetcher:
        with pytest.raises(SourceUnavailable):
            await fetcher.fetch(WANTED)


@pytest.mark.parametrize("simulated", [True, False])
async def test_simulated_and_real_are_never_mixed(simulated: bool) -> None:
    """An answer of the wrong kind is refused whole; the right kind labels its tickers."""
    async with open_server() as server:
        if not simulated:
            server.headers[SIMULATED_HEADER] = "generated"
        client = Client(CoinGeckoSettings(url=server.url, update_interval_s=0), simulated=simulated)
        async with client.open() as fetcher:
            with pytest.raises(SimulationMismatch):
                await fetcher.fetch(WANTED)
            server.headers.pop(SIMULATED_HEADER, None)
            if simulated:
                server.headers[SIMULATED_HEADER] = "generated"
            assert {one.simulated for one in await fetcher.fetch(WANTED)} == {simulated}
            assert client.clock() == START
