"""The gateway's tasks survive unexpected errors, and its parts share one source distance."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from cache.memory import MemoryCache
from cache.ports import FeedMessage
from gateway.app import create_app
from gateway.gateway import Gateway
from gateway.request import GraphQLRequest
from gateway.settings import GatewaySettings
from instruments.instrument import Instrument
from rates.source import Source
from tests.gateway.fakes import FakeClock, ListedInstruments, ScriptedFeed, build_ticker, wait_until
from tests.gateway.fixture_types import ReadyGateway, Running
from tests.gateway.test_metrics import read_samples


class BrokenFeed(ScriptedFeed):
    """A feed whose subscriptions raise what no code expects, while `is_broken`."""

    is_broken = False

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[FeedMessage]]:
        async with super().subscribe() as messages:
            if self.is_broken:
                raise LookupError("no such channel")
            yield messages


class BrokenInstruments(ListedInstruments):
    """Instruments whose reading raises what no code expects, while `is_broken`."""

    is_broken = False

    async def read(self, source: Source | None = None) -> Sequence[Instrument]:
        if self.is_broken:
            raise LookupError("no such table")
        return await super().read(source)


async def test_an_unexpected_error_of_the_mirror_costs_an_attempt(running: Running, clock: FakeClock) -> None:
    """The cache counts as disconnected until the mirror is current again."""
    feed = BrokenFeed()
    async with running(feed) as gateway:
        assert gateway.mirror.disconnected_at is None
        feed.is_broken = True
        feed.lose()
        await wait_until(lambda: gateway.unexpected["mirror"] >= 2)
        assert gateway.mirror.disconnected_at == clock()
        assert gateway.mirror.last_error == "LookupError: no such channel"
        feed.is_broken = False
        await wait_until(lambda: gateway.mirror.disconnected_at is None)
        assert gateway.unexpected["catalog"] == 0


async def test_an_unexpected_error_of_the_catalogue_costs_an_attempt(
    running: Running, scripted_feed: ScriptedFeed
) -> None:
    """The instruments stay as they were, and the next attempt reads them."""
    instruments = BrokenInstruments((Source.BINANCE, "BTC/USDT"))
    async with running(scripted_feed, instruments) as gateway:
        instruments.is_broken = True
        await wait_until(lambda: gateway.unexpected["catalog"] >= 2)
        assert gateway.catalog.last_error == "LookupError: no such table"
        assert [str(key.symbol) for key in gateway.catalog.tracked] == ["BTC/USDT"]
        instruments.is_broken = False
        instruments.add(Source.BINANCE, "ETH/USDT")
        await wait_until(lambda: len(gateway.catalog.tracked) == 2)
        assert gateway.catalog.last_error is None


@pytest.mark.servers
async def test_unexpected_errors_are_exported(ready_gateway: ReadyGateway) -> None:
    """For each task, and the gateway goes on serving."""
    feed = BrokenFeed()
    async with ready_gateway(feed, unready_after_s=3600) as served, served.client() as client:
        feed.is_broken = True
        feed.lose()
        await served.facts(lambda facts: facts["cache"]["error"] == "LookupError: no such channel")
        samples = await read_samples(client)
        assert samples["ratewire_gateway_unexpected_errors_total", "mirror"] >= 1
        assert samples["ratewire_gateway_unexpected_errors_total", "catalog"] == 0
        feed.is_broken = False
        await served.facts(lambda facts: facts["cache"]["connected"])


def distance(percent: int) -> GatewaySettings:
    return GatewaySettings(port=0, catalog_refresh_s=0.02, max_source_distance_percent=Decimal(percent))


QUERY = """{
  rate(symbol: "BTC/USDT", maxAgeMs: 10000) { source { code } }
  conversion(amount: "1", from: "BTC", to: "USDT", maxAgeMs: 10000) { legs { rate { source { code } } } }
  consensusRate(symbol: "BTC/USDT", maxAgeMs: 60000, maxDeviationBps: 10000) { price }
}"""


@pytest.mark.parametrize("fast_path", [True, False])
@pytest.mark.parametrize(
    ("settings", "other", "is_near"),
    [
        (distance(20), "120", True),
        (distance(20), "121", False),
        (distance(5), "106", False),
        (distance(50), "149", True),
    ],
)
async def test_one_setting_decides_how_far_apart_sources_may_be(
    gateway: Gateway,
    cache: MemoryCache,
    clock: FakeClock,
    settings: GatewaySettings,
    other: str,
    is_near: bool,
    fast_path: bool,
) -> None:
    """For fallback, conversion and consensus alike; the preferred source is late."""
    for source, price, age_s in ((Source.BINANCE, "100", 11), (Source.COINGECKO, other, 0)):
        ticker = build_ticker(price=price, source=source, observed_at=clock() - timedelta(seconds=age_s))
        await cache.write([ticker])
        await wait_until(partial(gateway.mirror.read, ticker.key))
    configured = settings.model_copy(update={"fast_path": fast_path})
    operations = create_app(gateway, configured).graphql.operations
    data = (await operations.execute(operations.prepare(GraphQLRequest(QUERY, {}))))["data"]
    used = "COINGECKO" if is_near else "BINANCE"
    assert data["rate"]["source"]["code"] == used
    assert data["conversion"]["legs"][0]["rate"]["source"]["code"] == used
    assert (data["consensusRate"]["price"] is not None) == is_near
