"""No conversion uses fresh prices of one symbol that are far apart."""

import msgspec
import pytest

from rates.errors import SuspectIdentity
from rates.source import Source
from tests.gateway.queries.conversion.market import World, sources, way

BINANCE, OKX, BYBIT = Source.BINANCE, Source.OKX, Source.BYBIT


def test_the_preferred_source_is_left_out_where_most_others_disagree() -> None:
    """At once, before the watchdog marks it."""
    world = World()
    for source, price in ((BINANCE, "700"), (OKX, "100"), (BYBIT, "101")):
        world.tell("BTC/USDT", price, source)
    conversion = world.convert("1", "BTC", "USDT")
    assert (sources(conversion), str(conversion.result)) == (["OKX"], "100")


def test_two_prices_that_are_far_apart_are_no_rate() -> None:
    """The error names the suspicion; another route is taken if there is one."""
    world = World()
    world.tell("BTC/USDT", "700", BINANCE)
    world.tell("BTC/USDT", "100", OKX)
    with pytest.raises(SuspectIdentity, match="7 times as much"):
        world.convert("1", "BTC", "USDT")
    world.tell("BTC/USDC", "100", BINANCE)
    world.tell("USDC/USDT", "1", BINANCE)
    assert way(world.convert("1", "BTC", "USDT")) == "BTC-USDC-USDT"


def test_a_price_that_is_not_fresh_raises_no_suspicion() -> None:
    """It was near the others when it was fresh."""
    world = World()
    world.tell("BTC/USDT", "700", BINANCE, age_s=60)
    world.tell("BTC/USDT", "100", OKX)
    assert sources(world.convert("1", "BTC", "USDT")) == ["BINANCE"]


def test_a_confirmed_source_is_used() -> None:
    """An operator has decided that the distance is one of the market."""
    world = World()
    world.tell("BTC/USDT", "700", BINANCE)
    world.tell("BTC/USDT", "100", OKX)
    world.instruments.instruments = [
        msgspec.structs.replace(each, is_confirmed=True) for each in world.instruments.instruments
    ]
    world.catalog._replace(world.instruments.instruments)
    assert sources(world.convert("1", "BTC", "USDT")) == ["BINANCE"]
