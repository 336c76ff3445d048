"""Trades for the tests of the history."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from history.trade import Side, Trade

START = datetime(2024, 8, 8, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Return a time after the start of the tests."""
    return START + timedelta(seconds=seconds)


def trade(
    number: int | str, seconds: float, price: str = "100", quantity: str = "1", count: int = 1
) -> Trade:
    """Return a trade."""
    return Trade(number, Decimal(price), Decimal(quantity), at(seconds), Side.BUY, count)


def decimals(largest: int = 10**13) -> st.SearchStrategy[Decimal]:
    """Return positive decimals of up to 12 places, with trailing zeros."""
    return st.builds(
        lambda digits, places: Decimal(digits).scaleb(-places), st.integers(1, largest), st.integers(0, 12)
    )


def numbered_trades(max_size: int = 40) -> st.SearchStrategy[list[Trade]]:
    """Return trades in the order of their numbers, some of them at one time."""
    rows = st.lists(st.tuples(decimals(), decimals(), st.integers(0, 3000)), min_size=1, max_size=max_size)

    def build(found: list[tuple[Decimal, Decimal, int]]) -> list[Trade]:
        trades, milliseconds = [], 0
        for number, (price, quantity, wait) in enumerate(found, 1):
            milliseconds += wait
            trades.append(Trade(number, price, quantity, START + timedelta(milliseconds=milliseconds)))
        return trades

    return rows.map(build)
