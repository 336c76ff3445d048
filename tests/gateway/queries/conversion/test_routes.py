"""Routes of conversions: their legs, rates and ages, and when there is none."""

from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.queries.conversion.assets import STABLECOINS
from gateway.queries.conversion.graph import AssetGraph
from gateway.queries.conversion.query import ConversionQuery, check_conversion
from gateway.queries.rates_query import OnStale
from instruments.instrument import Halt
from rates.errors import (
    CacheUnavailable,
    InvalidArgument,
    NoConversionPath,
    NotTrading,
    RateNotSeen,
    RateStale,
    UnknownAsset,
)
from rates.source import Source
from rates.symbol import Symbol
from tests.gateway.fakes import NOON
from tests.gateway.queries.conversion.market import BINANCE, COINGECKO, World, sources, way

ASSETS = "ABCDEF"


def test_the_way_with_fewest_legs_is_taken() -> None:
    """However good the hubs of a longer one are."""
    world = World(SOL_XYZ="1", XYZ_EUR="1", SOL_USDT="1", BTC_USDT="1", BTC_EUR="1")
    assert way(world.convert("1", "SOL", "EUR")) == "SOL-XYZ-EUR"


def test_of_equally_long_ways_the_one_over_the_best_hubs_is_taken() -> None:
    """The named ones in their order, then whoever has most neighbours, then by name."""
    pairs = dict.fromkeys(["SOL_USDT", "EUR_USDT", "SOL_BTC", "BTC_EUR", "SOL_AAA", "AAA_EUR"], "1")
    assert way(World(**pairs).convert("1", "SOL", "EUR")) == "SOL-USDT-EUR"
    del pairs["SOL_USDT"]
    assert way(World(**pairs).convert("1", "SOL", "EUR")) == "SOL-BTC-EUR"
    del pairs["SOL_BTC"]
    pairs |= dict.fromkeys(["SOL_ZZZ", "ZZZ_EUR", "ZZZ_ETH"], "1")
    assert way(World(**pairs).convert("1", "SOL", "EUR")) == "SOL-ZZZ-EUR"
    del pairs["ZZZ_ETH"]
    assert way(World(**pairs).convert("1", "SOL", "EUR")) == "SOL-AAA-EUR"


def test_a_way_over_two_assets_is_as_good_as_the_worse_of_them() -> None:
    """Two middling hubs are better than the best one and an unknown."""
    pairs = ["SOL_USDT", "USDT_ZZZ", "ZZZ_DOGE", "SOL_BTC", "BTC_ETH", "ETH_DOGE"]
    assert way(World(**dict.fromkeys(pairs, "1")).convert("1", "SOL", "DOGE")) == "SOL-BTC-ETH-DOGE"


def test_a_fresh_way_is_taken_before_a_shorter_stale_one() -> None:
    """And a stale one before one that has expired; `maxAgeMs` says what is fresh enough."""
    world = World(BTC_USDT="1", EUR_USDT="1")
    world.tell("BTC/EUR", "1", age_s=11)
    assert way(world.convert("1", "BTC", "EUR")) == "BTC-USDT-EUR"
    assert way(world.convert("1", "BTC", "EUR", max_age_s=11)) == "BTC-EUR"
    world.clock.advance(5)
    assert way(world.convert("1", "BTC", "EUR", max_age_s=3)) == "BTC-USDT-EUR"
    world.clock.advance(8)
    assert way(world.convert("1", "BTC", "EUR")) == "BTC-EUR"
    world.clock.advance(80)
    assert way(world.convert("1", "BTC", "EUR")) == "BTC-USDT-EUR"


def test_no_rate_of_a_way_counts_less_because_it_is_as_recent_as_asked() -> None:
    """Of ways that are too old, one of FRESH rates comes before one with a STALE rate."""
    world = World()
    world.tell("BTC/USDT", "1", BINANCE, age_s=30)
    world.tell("EUR/USDT", "1", COINGECKO, age_s=60)
    world.tell("BTC/USD", "1", COINGECKO, age_s=60)
    world.tell("EUR/USD", "1", COINGECKO, age_s=60)
    assert way(world.convert("1", "BTC", "EUR", max_age_s=40)) == "BTC-USD-EUR"
    assert way(world.convert("1", "BTC", "EUR", max_age_s=60)) == "BTC-USDT-EUR"


def test_each_leg_has_the_rate_that_a_question_for_it_would_have() -> None:
    """The first fresh one by preference, else the one with the smallest part of its TTL used."""
    world = World()
    world.tell("BTC/USD", "100", BINANCE, age_s=5)
    world.tell("BTC/USD", "101", COINGECKO, age_s=1)
    assert sources(world.convert("1", "BTC", "USD")) == ["BINANCE"]
    assert sources(world.convert("1", "BTC", "USD", max_age_s=4)) == ["COINGECKO"]
    world.clock.advance(6)
    assert sources(world.convert("1", "BTC", "USD")) == ["COINGECKO"]
    world.tell("ETH/USD", "100", BINANCE, age_s=20)
    world.tell("ETH/USD", "101", COINGECKO, age_s=270)
    assert sources(world.convert("1", "ETH", "USD")) == ["COINGECKO"]


def test_two_assets_with_a_symbol_each_way_round_are_linked_by_either() -> None:
    """By the one that is fresh."""
    world = World()
    world.tell("EUR/USDT", "2", age_s=11)
    world.tell("USDT/EUR", "0.4")
    assert world.convert("1", "EUR", "USDT").rate == Decimal("2.5")
    assert world.convert("1", "USDT", "EUR").rate == Decimal("0.4")


def test_only_the_sources_named_are_used() -> None:
    """An asset that they do not know is unknown, a way that they do not have is none."""
    world = World(BTC_USDT="1", SOL_USDT="1")
    world.tell("BTC/USD", "1", COINGECKO)
    assert way(world.convert("1", "SOL", "USD")) == "SOL-USDT-BTC-USD"
    with pytest.raises(UnknownAsset):
        world.answer("1", "SOL", "USD", sources=(COINGECKO,))
    with pytest.raises(UnknownAsset):
        world.answer("1", "SOL", "USD", sources=(BINANCE,))


def test_the_worst_age_is_that_of_the_whole() -> None:
    """The oldest rate gives `ageMs` and `observedAt`; freshness is judged by each source's TTL."""
    world = World()
    world.tell("BTC/USDT", "1", BINANCE, age_s=12)
    world.tell("BTC/USD", "1", COINGECKO, age_s=100)
    answer = world.convert("1", "USDT", "USD")
    assert (answer.age_ms, answer.freshness.value) == (100_000, "STALE")
    assert answer.observed_at == answer.legs[1].rate.ticker.observed_at  # type: ignore[union-attr]  # it has one
    assert [leg.rate.freshness.value for leg in answer.legs if leg.rate] == ["STALE", "FRESH"]
    world.tell("BTC/USDT", "1", BINANCE, age_s=101)
    expired = world.convert("1", "USDT", "USD")
    assert [leg.rate.freshness.value for leg in expired.legs if leg.rate] == ["EXPIRED", "FRESH"]
    assert expired.freshness.value == "EXPIRED"


def test_on_stale_decides_what_becomes_of_an_old_way() -> None:
    """Returned with its age, null, or an error with that of its oldest rate."""
    world = World()
    world.tell("BTC/USDT", "1", age_s=11)
    assert world.convert("1", "BTC", "USDT").freshness.value == "STALE"
    assert world.answer("1", "BTC", "USDT", on_stale=OnStale.OMIT) is None
    with pytest.raises(RateStale) as caught:
        world.answer("1", "BTC", "USDT", on_stale=OnStale.ERROR)
    assert (caught.value.age_ms, caught.value.max_age_ms) == (11_000, 10_000)
    patient = world.answer("1", "BTC", "USDT", max_age_s=11, on_stale=OnStale.ERROR)
    assert patient is not None


def test_a_stablecoin_is_no_dollar_unless_that_is_asked_for() -> None:
    """Then the leg says that no market stands behind it, even where there is one."""
    world = World(BTC_USDT="64000", USDT_USD="0.9")
    assert world.convert("1", "BTC", "USD").result == 57_600
    pegged = world.convert("1", "BTC", "USD", stablecoins_as_usd=True)
    assert (str(pegged.result), pegged.uses_peg) == ("64000", True)
    assert [(leg.start, leg.end, leg.rate is None) for leg in pegged.legs] == [
        ("BTC", "USDT", False),
        ("USDT", "USD", True),
    ]
    alone = World(BTC_USDT="64000").convert("1", "BTC", "USD", stablecoins_as_usd=True)
    assert alone.result == 64_000
    assert not world.convert("1", "BTC", "USDT", stablecoins_as_usd=True).uses_peg


def test_a_market_is_taken_before_a_promise() -> None:
    """If both routes have the same length."""
    world = World(BTC_USDT="64000", BTC_EUR="60000", EUR_USD="1.1")
    answer = world.convert("1", "BTC", "USD", stablecoins_as_usd=True)
    assert way(answer) == "BTC-EUR-USD"


def test_one_stablecoin_counts_as_any_other_then() -> None:
    """Both promise the same, whatever the market between them says; no rate, so no age."""
    world = World(USDC_USDT="0.99")
    answer = world.convert("5", "USDT", "USDC", stablecoins_as_usd=True)
    assert (way(answer), str(answer.result), answer.age_ms) == ("USDT-USDC", "5", 0)
    assert world.convert("99", "USDT", "USDC").result == 100
    assert "USD" not in STABLECOINS


def test_no_path_is_an_error_that_says_what_would_help() -> None:
    """More legs, or stablecoins as dollars; else where both ends lead."""
    world = World(A_B="1", B_C="1", C_D="1", D_E="1", SOL_USDT="1", EUR_USD="1")
    with pytest.raises(NoConversionPath, match="the shortest route has 4") as caught:
        world.answer("1", "A", "E")
    assert (caught.value.from_reaches, caught.value.to_reached_from) == (("B",), ("D",))
    with pytest.raises(NoConversionPath, match="the shortest route has 2"):
        world.answer("1", "A", "C", max_legs=1)
    with pytest.raises(NoConversionPath, match="stablecoinsAsUsd allows a route") as caught:
        world.answer("1", "SOL", "EUR")
    assert caught.value.legs_needed is None
    with pytest.raises(NoConversionPath) as caught:
        world.answer("1", "A", "EUR", stablecoins_as_usd=True)
    assert not caught.value.pegs_would_help


def test_an_unknown_asset_comes_with_near_matches() -> None:
    """In upper or lower case, and also as both assets; a long name is shortened in the message."""
    world = World(BTC_USDT="1")
    for wrong, near in (("btc", ("BTC",)), ("USDTT", ("USDT",)), ("", ())):
        with pytest.raises(UnknownAsset) as caught:
            world.answer("1", wrong, wrong)
        assert caught.value.near == near
    with pytest.raises(UnknownAsset) as caught:
        world.answer("1", "BTC", "x" * 100_000)
    assert len(str(caught.value)) < 200
    world.tell("ABCDEFGHIJKLMNOPQRST/BTC", "1")
    for wrong, count in (("ABCDEFGHIJKLMNOPQRSX", 1), ("ABCDEFGHIJKLMNOPQRSTU", 0)):
        with pytest.raises(UnknownAsset) as caught:
            world.answer("1", "BTC", wrong)
        assert len(caught.value.near) == count


def test_a_way_without_rates_is_an_error_that_may_pass() -> None:
    """The error names the first missing symbol; a longer route with all rates is preferred."""
    world = World(BTC_USDT="1")
    world.track("BTC/EUR")
    with pytest.raises(RateNotSeen, match="no rate of BTC/EUR has arrived yet from BINANCE"):
        world.answer("1", "BTC", "EUR")
    world.tell("EUR/USDT", "1")
    assert way(world.convert("1", "BTC", "EUR")) == "BTC-USDT-EUR"


def test_what_is_tracked_no_more_leads_nowhere() -> None:
    """Though its last rate still lies in the mirror; what is tracked anew leads on at once."""
    world = World(BTC_USDT="1")
    world.convert("1", "BTC", "USDT")
    world.tell("ETH/BTC", "2")
    assert world.convert("1", "ETH", "USDT").result == 2
    world.instruments.instruments = [
        each for each in world.instruments.instruments if each.symbol.base != "BTC"
    ]
    world.catalog._replace(world.instruments.instruments)
    with pytest.raises(UnknownAsset):
        world.answer("1", "ETH", "USDT")


def test_what_its_source_has_halted_leads_nowhere() -> None:
    """An asset of nothing else says so instead of being unknown."""
    world = World(BTC_USDT="1", ETH_USDT="1", ETH_BTC="1")
    world.instruments.halt(BINANCE, "ETH/BTC", Halt("BREAK", NOON))
    world.catalog._replace(world.instruments.instruments)
    assert way(world.convert("1", "ETH", "BTC")) == "ETH-USDT-BTC"
    world.instruments.halt(BINANCE, "ETH/USDT", Halt("BREAK", NOON))
    world.catalog._replace(world.instruments.instruments)
    with pytest.raises(NotTrading, match="ETH/BTC is not traded at BINANCE"):
        world.answer("1", "ETH", "BTC")
    with pytest.raises(UnknownAsset):
        world.answer("1", "ETH", "BTC", sources=(COINGECKO,))


def test_before_anything_was_read_there_is_no_answer() -> None:
    """Not even that an asset is unknown."""
    world = World()
    world.mirror.loaded = False
    with pytest.raises(CacheUnavailable):
        world.answer("1", "BTC", "USDT")


@pytest.mark.parametrize("wrong", [{"amount": Decimal(-1)}, {"max_legs": 0}, {"max_legs": 4}])
def test_what_is_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    """With the argument's name as the client knows it."""
    query = ConversionQuery(Decimal(1), "BTC", "USDT")._replace(**wrong)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(InvalidArgument, match=r"amount|maxLegs|sources"):
        check_conversion(query)


links = st.sets(st.sampled_from(list(combinations(ASSETS, 2))), min_size=1)


@given(links, st.permutations(ASSETS), st.integers(1, 3))
def test_all_ways_are_found_and_the_shortest_come_first(
    pairs: set[tuple[str, str]], assets: list[str], max_legs: int
) -> None:
    """A brute-force search finds the same routes; the opposite direction has them reversed."""
    graph = AssetGraph({Symbol(*pair): [Source.BINANCE] for pair in pairs}, pegs=False)
    start, end = assets[:2]
    if start not in graph or end not in graph:
        return
    routes = graph.routes(start, end, max_legs)
    expected = {route for route in _simple_paths(pairs, (start,), end) if len(route) <= max_legs + 1}
    assert set(routes) == expected
    assert len(routes) == len(expected)
    assert [len(route) for route in routes] == sorted(len(route) for route in routes)
    assert {route[::-1] for route in graph.routes(end, start, max_legs)} == expected
    shortest = min((len(route) - 1 for route in _simple_paths(pairs, (start,), end)), default=None)
    assert graph.distance(start, end) == shortest


def _simple_paths(pairs: set[tuple[str, str]], so_far: tuple[str, ...], end: str) -> list[tuple[str, ...]]:
    if so_far[-1] == end:
        return [so_far]
    nexts = [
        each for each in ASSETS if each not in so_far and ({(so_far[-1], each), (each, so_far[-1])} & pairs)
    ]
    return [path for each in nexts for path in _simple_paths(pairs, (*so_far, each), end)]
