"""Without a ticker of its symbols, a route stays until `next_change_at`."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.queries.conversion.query import ConversionQuery
from gateway.queries.rates_query import FreshnessPolicy, OnStale
from rates.source import Source
from tests.gateway.fakes import NOON
from tests.gateway.queries.conversion.market import World
from tests.lengths import at_length

SYMBOLS = ["BTC/USDT", "USDT/BTC", "ETH/USDT", "ETH/BTC", "BTC/USD", "ETH/USD", "USDT/USD"]
ages = st.sampled_from([0.0, 3.0, 9.999, 10.0, 12.0, 99.0, 179.0, 185.0, 300.0, 2_000.0])
told = st.lists(
    st.tuples(
        st.sampled_from(SYMBOLS),
        st.sampled_from([Source.BINANCE, Source.COINGECKO, Source.KRAKEN]),
        st.sampled_from(["99", "100", "101"]),
        ages,
        st.none() | ages,
        st.none() | ages,
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda each: each[:2],
)
limits = st.none() | st.sampled_from([0.0, 5.0, 60.0]).map(lambda seconds: timedelta(seconds=seconds))
assets = st.sampled_from(["BTC", "ETH", "USDT", "USD"])
queries = st.builds(
    ConversionQuery,
    st.just(Decimal("1.5")),
    assets,
    assets,
    st.builds(FreshnessPolicy, limits, st.just(OnStale.RETURN), limits),
    st.none() | st.just((Source.KRAKEN, Source.BINANCE)),
    st.integers(1, 3),
    st.booleans(),
)
Told = tuple[str, Source, str, float, float | None, float | None]


def market(entries: list[Told]) -> World:
    world = World()
    for symbol, source, price, age_s, traded_s, quoted_s in entries:
        quotes = {} if quoted_s is None else {"bid": Decimal(98), "ask": Decimal(100)}
        world.tell(
            symbol,
            price,
            source,
            age_s=age_s,
            last_trade_at=None if traded_s is None else NOON - timedelta(seconds=traded_s),
            quoted_at=None if quoted_s is None else NOON - timedelta(seconds=quoted_s),
            **quotes,
        )
    return world


@pytest.mark.slow
@settings(max_examples=at_length(300), deadline=None)
@given(told, queries, st.floats(0, 1))
def test_a_route_stays_until_its_next_change(
    entries: list[Told], query: ConversionQuery, share: float
) -> None:
    """With every age on it."""
    converter = market(entries).converter
    first = converter.find_route(query, NOON)
    next_change_at = None if first.finder is None else first.finder.next_change_at
    left = timedelta(days=1) if next_change_at is None else next_change_at - NOON
    assert left > timedelta(0)
    later = NOON + (left - timedelta(microseconds=2)) * share
    anew = converter.find_route(query, later)
    assert first.at(later).legs == anew.legs
    assert first.said(query.policy) == anew.said(query.policy)


@pytest.mark.slow
@settings(max_examples=at_length(300), deadline=None)
@given(told, queries, told)
def test_only_tickers_of_its_symbols_change_a_route(
    entries: list[Told], query: ConversionQuery, more: list[Told]
) -> None:
    """All others may arrive without a new search."""
    # The catalog is the same before and after.
    every = [(*key, "100", 0.0, None, None) for key in dict.fromkeys((each[0], each[1]) for each in more)]
    world = market([*every, *entries])
    first = world.converter.find_route(query, NOON)
    followed = frozenset() if first.finder is None else first.finder.symbols
    for symbol, source, price, age_s, _, _ in more:
        if symbol not in {str(each) for each in followed}:
            world.price(symbol, price, source, age_s=age_s)
    assert world.converter.find_route(query, NOON).said(query.policy) == first.said(query.policy)
