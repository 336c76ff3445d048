"""Tickers of one symbol after each other, as a writer encodes them."""

from dataclasses import dataclass

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rates.clock import format_us
from rates.symbol import Symbol
from rates.ticker import Ticker
from rates.ticker_encoder import TickerEncoder
from rates.wire import decode_cached
from tests.rates.test_wire import MOMENTS, PRICES, TICKERS

BTC = Symbol("BTC", "USDT")


@dataclass
class Next:
    """The changes of a ticker. `other`: all of it."""

    other: Ticker | None
    values: dict[str, object]


NEXT = st.builds(
    Next,
    other=st.none() | TICKERS,
    values=st.fixed_dictionaries(
        {"price": PRICES, "observed_at": MOMENTS, "sequence": st.integers(0, 2**53 - 1)},
        optional={
            "last_trade_at": st.none() | MOMENTS,
            "received_at": MOMENTS,
            "merged": st.integers(0, 9),
            "bid": PRICES,
            "quoted_at": st.none() | MOMENTS,
            "quote_volume_24h": PRICES,
            "simulated": st.booleans(),
        },
    ),
)


@given(TICKERS, st.lists(NEXT, max_size=8))
def test_each_ticker_is_read_as_it_was_written(first: Ticker, steps: list[Next]) -> None:
    """All fields, digits and microseconds are preserved, shared with the one before or not."""
    encoder = TickerEncoder()
    ticker = msgspec.structs.replace(first, symbol=BTC)
    for step in (None, *steps):
        if step is not None:
            before = ticker if step.other is None else msgspec.structs.replace(step.other, symbol=BTC)
            ticker = msgspec.structs.replace(before, **step.values)
        encoded = encoder.encode(ticker)
        assert decode_cached(encoded.data).ticker == ticker
        assert encoded.observed_at_us == format_us(ticker.observed_at)
        traded_at = ticker.last_trade_at
        assert encoded.last_trade_at_us == (None if traded_at is None else format_us(traded_at))
