"""Sources that mean different assets by one symbol are kept out until a command."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.identity_watchdog import IdentityWatchdog
from gateway.operations import Operations
from gateway.queries.conversion.query import ConversionQuery
from gateway.request import GraphQLRequest
from gateway.settings import GatewaySettings
from gateway.state.catalog import InstrumentCatalog
from instruments.identity.identity_records import IdentityRecords
from instruments.instrument import Instrument
from instruments.store import InstrumentStore
from rates.errors import RatesError
from rates.source import Source
from rates.symbol import parse_symbol
from tests.gateway.fakes import FakeClock, build_ticker, wait_until
from tests.migrated import migrate_new

PATIENCE = timedelta(seconds=30)
DOGE = parse_symbol("DOGE/USDT")
SOURCES = (Source.BINANCE, Source.BYBIT)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[InstrumentStore]:
    """A database with the default seed."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'seed.sqlite'}"
    await migrate_new(url)
    store = InstrumentStore(url, simulated=True)
    yield store
    await store.close()


@pytest.fixture
async def gateway(store: InstrumentStore, cache: MemoryCache, clock: FakeClock) -> AsyncIterator[Gateway]:
    """A gateway over the seed, whose catalog is refreshed by the test."""
    gateway = Gateway(
        cache, store, GatewaySettings(port=0, catalog_refresh_s=3600), simulated=True, clock=clock
    )
    task = asyncio.create_task(gateway.run())
    await wait_until(lambda: gateway.mirror.loaded and gateway.catalog.loaded)
    yield gateway
    task.cancel()
    await asyncio.wait([task])


@pytest.fixture
def watchdog(gateway: Gateway, store: InstrumentStore, clock: FakeClock) -> IdentityWatchdog:
    return IdentityWatchdog(
        gateway.rates,
        gateway.mirror,
        gateway.catalog,
        IdentityRecords(store),
        max_distance=Decimal("0.2"),
        patience=PATIENCE,
        clock=clock,
    )


async def publish(gateway: Gateway, cache: MemoryCache, clock: FakeClock, *prices: str) -> None:
    """Publish DOGE/USDT at each of the sources, now."""
    for source, price in zip(SOURCES, prices, strict=True):
        await cache.write([build_ticker("DOGE/USDT", price, source=source, observed_at=clock())])
    await wait_until(
        lambda: all(
            (each := gateway.mirror.read(build_ticker("DOGE/USDT", source=source).key)) is not None
            and each.observed_at == clock()
            for source in SOURCES
        )
    )


async def clash(
    gateway: Gateway,
    cache: MemoryCache,
    clock: FakeClock,
    watchdog: IdentityWatchdog,
    catalog: InstrumentCatalog,
) -> None:
    """Prices a hundred times apart for the whole patience."""
    await publish(gateway, cache, clock, "0.15", "15")
    await watchdog.check()
    clock.advance(PATIENCE.total_seconds())
    await publish(gateway, cache, clock, "0.15", "15")
    await watchdog.check()
    await catalog.refresh()


async def test_a_clash_is_in_no_merged_answer_and_no_list(
    gateway: Gateway,
    cache: MemoryCache,
    clock: FakeClock,
    watchdog: IdentityWatchdog,
    operations: Operations,
) -> None:
    """Consensus, conversion and fallback leave it out; `unavailable` and `sources` show it."""
    await clash(gateway, cache, clock, watchdog, gateway.catalog)
    text = """{
      consensusRate(symbol: "DOGE/USDT") { price contributions { source { code } exclusion } }
      rates(symbols: ["DOGE/USDT"]) { items { source { code } } unavailable { source { code } reason } }
      sources { source { code } suspects state reason }
      rate(symbol: "DOGE/USDT", source: BYBIT) { price }
    }"""
    data = (await operations.execute(operations.prepare(GraphQLRequest(text))))["data"]
    excluded = {each["source"]["code"]: each["exclusion"] for each in data["consensusRate"]["contributions"]}
    assert data["consensusRate"]["price"] is None
    assert (excluded["BINANCE"], excluded["BYBIT"]) == ("SUSPECT_IDENTITY", "SUSPECT_IDENTITY")
    reasons = {each["source"]["code"]: each["reason"] for each in data["rates"]["unavailable"]}
    assert reasons["BYBIT"] == "SUSPECT_IDENTITY"
    assert not {"BINANCE", "BYBIT"} & {each["source"]["code"] for each in data["rates"]["items"]}
    suspects = {each["source"]["code"]: each["suspects"] for each in data["sources"]}
    assert suspects["BYBIT"] == ["DOGE/USDT"]
    assert data["rate"] == {"price": "15"}
    with pytest.raises(RatesError):
        gateway.rates.rate(DOGE)
    with pytest.raises(RatesError):
        gateway.converter.convert(ConversionQuery(Decimal(1), "DOGE", "USDT"))


@pytest.mark.slow
@pytest.mark.parametrize("command", ["separate", "confirm"])
async def test_one_command_resolves_it(
    command: str,
    gateway: Gateway,
    cache: MemoryCache,
    clock: FakeClock,
    watchdog: IdentityWatchdog,
    store: InstrumentStore,
) -> None:
    """Separated, both are answered under codes of their own.

    Confirmed, the source is merged again.
    """
    await clash(gateway, cache, clock, watchdog, gateway.catalog)
    records = IdentityRecords(store)
    if command == "separate":
        await records.separate(Source.BYBIT, DOGE)
    else:
        await records.confirm(Source.BYBIT, DOGE, now=clock())
    await gateway.catalog.refresh()
    rate = gateway.rates.rate(DOGE)
    assert rate is not None
    assert rate.ticker.source is (Source.BINANCE if command == "separate" else Source.BYBIT)
    for _ in range(2):
        # Fresh at each check, and longer than the patience between the two.
        clock.advance(PATIENCE.total_seconds() + 1)
        await publish(gateway, cache, clock, "0.15", "15")
        await watchdog.check()
        await gateway.catalog.refresh()
    assert gateway.rates.rate(DOGE) is not None


async def test_prices_that_come_together_again_are_not_suspected(
    gateway: Gateway, cache: MemoryCache, clock: FakeClock, watchdog: IdentityWatchdog, store: InstrumentStore
) -> None:
    """A flash crash is no clash of identities."""
    await publish(gateway, cache, clock, "0.15", "15")
    await watchdog.check()
    clock.advance(20)
    await publish(gateway, cache, clock, "0.15", "0.15")
    await watchdog.check()
    clock.advance(20)
    await publish(gateway, cache, clock, "0.15", "15")
    await watchdog.check()
    assert all(each.suspicion is None for each in await store.read())


async def test_stale_prices_are_not_compared(
    gateway: Gateway, cache: MemoryCache, clock: FakeClock, watchdog: IdentityWatchdog, store: InstrumentStore
) -> None:
    """A source that fell silent before a move says nothing about identity."""
    await publish(gateway, cache, clock, "0.15", "15")
    clock.advance(60)
    await watchdog.check()
    clock.advance(60)
    await watchdog.check()
    assert all(each.suspicion is None for each in await store.read())


async def test_a_far_fallback_never_answers_for_the_preferred_source(
    gateway: Gateway, cache: MemoryCache, clock: FakeClock
) -> None:
    """The preferred source's value comes with its true freshness instead."""
    await publish(gateway, cache, clock, "0.15", "0.16")
    clock.advance(11)
    near = gateway.rates.rate(DOGE)
    assert near is not None
    assert near.ticker.source is Source.BYBIT
    await cache.write([build_ticker("DOGE/USDT", "15", source=Source.BYBIT, observed_at=clock())])
    await wait_until(lambda: (gateway.mirror.read(near.ticker.key) or near.ticker).price == 15)
    far = gateway.rates.rate(DOGE)
    assert far is not None
    assert (far.ticker.source, far.freshness) == (Source.BINANCE, "STALE")


def test_an_instrument_without_review_is_answered_but_never_merged() -> None:
    """Its identity is not known, whatever its code is."""
    assert not Instrument(Source.OKX, DOGE, "DOGE-USDT", "Dogecoin").is_reviewed
