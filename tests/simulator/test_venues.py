"""Prices of the other exchanges: plausible together, deterministic for a seed."""

import json
import re
from collections.abc import Container
from decimal import Decimal
from itertools import pairwise

import httpx
import pytest

from simulator.assets import read_assets
from simulator.generated.world import GeneratedWorld
from simulator.nanotime import SECOND
from tests.json_types import Json
from tests.simulator.conftest import START_NS, FakeClock, OpenSimulator

FIRST = {
    "coinbase": ("coinbase:ticker:{}", "{}-USD", ("price",)),
    "kraken": ("kraken:ticker:trades:{}", "{}/USD", ("data", 0, "last")),
    "okx": ("okx:tickers:{}", "{}-USDT", ("data", 0, "last")),
    "bybit": ("bybit:tickers.{}", "{}USDT", ("data", "lastPrice")),
}


class AllStreams(Container[str]):
    """A set that contains every stream."""

    def __contains__(self, item: object) -> bool:
        return True


def after(seconds: int, seed: int = 1) -> tuple[GeneratedWorld, list[str]]:
    world = GeneratedWorld(seed, START_NS)
    return world, [frame.stream for frame in world.advance(START_NS + seconds * SECOND, AllStreams())]


def dig(text: str, path: tuple[Json, ...]) -> Decimal:
    found = json.loads(text, parse_float=Decimal)
    for step in path:
        found = found[step]
    return Decimal(found)


@pytest.mark.slow
def test_the_prices_of_an_asset_are_plausible_together() -> None:
    """After a minute all sources are within a few basis points (and ticks), but not all equal."""
    world, _ = after(60)
    tether = world.venues["kraken"].initial_frame("kraken:ticker:trades:USDT/USD")
    assert tether is not None
    dollars = dig(tether.data, ("data", 0, "last"))
    for base in ("BTC", "ETH", "SOL", "XRP", "PEPE"):
        asset = next(asset for asset in read_assets() if asset.symbol == base)
        binance = Decimal(world.binance.last_price(f"{base}USDT"))
        seen = {}
        for source, (stream, code, path) in FIRST.items():
            first = world.venues[source].initial_frame(stream.format(code.format(base)))
            assert first is not None, (base, source)
            price = dig(first.data, path)
            seen[source] = price / dollars if "USDT" not in code else price
        reach = binance * Decimal("0.0020") + 3 * asset.tick_size
        assert all(abs(price - binance) <= reach for price in seen.values()), (base, binance, seen)
        assert len({*seen.values(), binance}) > 1, base


def test_every_code_of_the_facts_is_listed_where_it_belongs() -> None:
    """And no other code is."""
    world, _ = after(0)
    for source, venue in world.venues.items():
        codes = [asset.codes[source] for asset in read_assets() if source in asset.codes]
        assert list(venue.listings()) == codes


@pytest.mark.slow
def test_every_instrument_of_every_source_moves() -> None:
    """Within half a minute each instrument publishes something new."""
    world, streams = after(30)
    told = set(streams)
    for source, (stream, _, _) in FIRST.items():
        assert {stream.format(code) for code in world.venues[source].listings()} <= told, source


@pytest.mark.slow
def test_the_same_seed_makes_the_same_market() -> None:
    """Another seed gives another market."""
    assert after(5)[1] == after(5)[1] != after(5, seed=2)[1]


@pytest.mark.slow
def test_krakens_numbers_are_bare_and_plain() -> None:
    """JSON numbers without exponents, small ones too."""
    world, _ = after(3)
    for code in world.venues["kraken"].listings():
        first = world.venues["kraken"].initial_frame(f"kraken:ticker:bbo:{code}")
        assert first is not None
        assert re.search(r'"last":\d+\.\d+,', first.data), first.data
        assert not re.search(r"\de[-+]?\d", first.data), first.data


async def test_the_listings_have_their_exchanges_shapes(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """Symbol, base, quote and the exchange's own status of a trading instrument."""
    async with open_simulator(clock) as at, httpx.AsyncClient(timeout=60) as client:
        products = (await client.get(f"{at.coinbase_rest_url}/products")).json()
        assert [products[0][key] for key in ("id", "base_currency", "quote_currency", "status")] == [
            "BTC-USD", "BTC", "USD", "online",
        ]  # fmt: skip
        pairs = (await client.get(f"{at.kraken_rest_url}/0/public/AssetPairs")).json()
        assert pairs["error"] == []
        assert (
            pairs["result"]["XBTUSD"] | {"lot_decimals": 8, "pair_decimals": 2} == pairs["result"]["XBTUSD"]
        )
        assert (pairs["result"]["XBTUSD"]["wsname"], pairs["result"]["XDGUSD"]["status"]) == (
            "XBT/USD",
            "online",
        )
        modern = (await client.get(f"{at.kraken_rest_url}/0/public/AssetPairs?assetVersion=1")).json()
        assert modern["result"]["BTC/USD"]["base"] == "BTC"
        instruments = (await client.get(f"{at.okx_rest_url}/api/v5/public/instruments?instType=SPOT")).json()
        assert (instruments["code"], instruments["data"][0]["instId"]) == ("0", "BTC-USDT")
        assert instruments["data"][0]["state"] == "live"
        spot = (await client.get(f"{at.bybit_rest_url}/v5/market/instruments-info?category=spot")).json()
        assert (spot["retCode"], spot["result"]["list"][0]["baseCoin"]) == (0, "BTC")
        assert spot["result"]["list"][0]["status"] == "Trading"
        wrong = (await client.get(f"{at.bybit_rest_url}/v5/market/instruments-info")).json()
        assert wrong["retCode"] == 10001


async def test_a_missing_instrument_type_is_okxs_error(open_simulator: OpenSimulator) -> None:
    """OKX requires the instrument type."""
    async with open_simulator() as at, httpx.AsyncClient(timeout=60) as client:
        answer = await client.get(f"{at.okx_rest_url}/api/v5/public/instruments")
        assert answer.json()["code"] == "51000"
        assert answer.headers["X-Ratewire-Simulated"] == "generated seed=1"


@pytest.mark.slow
def test_bybit_sends_the_book_again_after_three_seconds() -> None:
    """A quiet book is repeated, so that clients can tell it from a dead channel."""
    world = GeneratedWorld(1, START_NS)
    times: dict[str, list[int]] = {}
    for frame in world.advance(START_NS + 60 * SECOND, AllStreams()):
        if frame.stream.startswith("bybit:orderbook.1."):
            times.setdefault(frame.stream, []).append(json.loads(frame.data)["ts"])
    assert len(times) == len(world.venues["bybit"].listings())
    gaps = [later - earlier for stamps in times.values() for earlier, later in pairwise(stamps)]
    assert max(gaps) <= 4000
