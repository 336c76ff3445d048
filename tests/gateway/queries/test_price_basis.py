"""The basis of merged prices: the last trade, or the mid if the trade is outdated."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.queries.price_basis import PriceBasis, merged_price, mid, price_basis, spread_bps
from gateway.queries.rate import Rate
from tests.gateway.fakes import NOON, build_ticker

TTL = timedelta(seconds=10)
PRICES = st.decimals("0.00000001", "99999999", places=8)


def rate(
    price: str = "100",
    bid: str | None = "99",
    ask: str | None = "101",
    *,
    traded_s: float | None = 0,
    quoted_s: float | None = 0,
) -> Rate:
    """Build a rate of noon; `traded_s` and `quoted_s` are ages in seconds, `None` if unknown."""
    return Rate(
        build_ticker(
            price=price,
            bid=None if bid is None else Decimal(bid),
            ask=None if ask is None else Decimal(ask),
            last_trade_at=_ago(traded_s),
            quoted_at=_ago(quoted_s),
        ),
        TTL,
        NOON,
    )


def _ago(seconds: float | None) -> datetime | None:
    return None if seconds is None else NOON - timedelta(seconds=seconds)


def test_a_recent_trade_between_the_quotes_counts() -> None:
    """Nothing speaks against it."""
    assert price_basis(rate()) is PriceBasis.LAST_TRADE
    assert merged_price(rate()) == 100


@pytest.mark.parametrize("price", ["98.9", "101.1"])
def test_a_trade_outside_of_the_quotes_gives_way_to_the_mid(price: str) -> None:
    """The market has moved on since, however recent it is."""
    assert price_basis(rate(price)) is PriceBasis.MID
    assert merged_price(rate(price)) == 100


@pytest.mark.parametrize("price", ["99", "101"])
def test_a_trade_at_the_bid_or_the_ask_is_inside(price: str) -> None:
    """Most trades take place there."""
    assert price_basis(rate(price)) is PriceBasis.LAST_TRADE


@pytest.mark.parametrize(
    ("traded_s", "basis"), [(10, PriceBasis.LAST_TRADE), (10.001, PriceBasis.MID), (36_000, PriceBasis.MID)]
)
def test_a_trade_counts_up_to_the_time_to_live(traded_s: float, basis: PriceBasis) -> None:
    """Exactly the TTL is still recent."""
    assert price_basis(rate(traded_s=traded_s)) is basis


@pytest.mark.parametrize(("quoted_s", "basis"), [(10, PriceBasis.MID), (10.001, PriceBasis.LAST_TRADE)])
def test_quotes_count_up_to_the_time_to_live(quoted_s: float, basis: PriceBasis) -> None:
    """Quotes that are old themselves say nothing against a trade."""
    assert price_basis(rate("90", quoted_s=quoted_s)) is basis


@pytest.mark.parametrize(
    "quotes", [{"bid": None}, {"ask": None}, {"quoted_s": None}, {"bid": "101", "ask": "99"}]
)
def test_incomplete_or_crossed_quotes_never_replace_a_trade(quotes: dict[str, str | None]) -> None:
    """There is no market between them."""
    assert price_basis(rate("90", traded_s=36_000, **quotes)) is PriceBasis.LAST_TRADE  # type: ignore[arg-type]


def test_a_trade_of_unknown_time_counts_by_its_price() -> None:
    """Null is not old."""
    assert price_basis(rate(traded_s=None)) is PriceBasis.LAST_TRADE
    assert price_basis(rate("90", traded_s=None)) is PriceBasis.MID


def test_the_real_case_of_wen_uses_the_mid() -> None:
    """WEN/USD on Kraken: traded ten hours ago, below its own bid, told again just now."""
    wen = rate("0.0000044", "0.000004631", "0.0000059", traded_s=36_000)
    assert merged_price(wen) == Decimal("0.0000052655")


@given(PRICES, PRICES)
def test_the_mid_is_exact_and_between(one: Decimal, other: Decimal) -> None:
    """No digit is rounded away."""
    bid, ask = sorted((one, other))
    middle = mid(bid, ask)
    assert middle is not None
    assert middle * 2 == bid + ask
    assert bid <= middle <= ask
    spread = spread_bps(bid, ask)
    assert spread is not None
    assert 0 <= spread <= 20_000
