"""Changing prices and times in messages, with all other digits kept."""

import pytest

from simulator.faults import values

BOOK = '{"topic":"orderbook.1.BTCUSDT","ts":1,"data":{"s":"BTCUSDT","b":[["9.10","3"]],"a":[["9.20","4"]],"u":7}}'
KRAKEN = '{"channel":"ticker","data":[{"symbol":"BTC/USD","bid":0.10,"bid_qty":1.50,"ask":0.20,"last":0.00001410}]}'


def test_both_sides_of_a_book_are_prices() -> None:
    """Quantities stay; a side without its price is empty."""
    zero = values.change_prices("bybit", BOOK, values.to_zero)
    assert '"b":[["0.00","3"]],"a":[["0.00","4"]]' in zero
    assert '"b":[],"a":[]' in values.change_prices("bybit", BOOK, values.to_missing)


def test_bare_numbers_stay_bare_and_keep_their_digits() -> None:
    """Other values are unchanged, trailing zeros included."""
    changed = values.change_prices("kraken", KRAKEN, values.to_exponent)
    assert '"bid":1.0e-1,"bid_qty":1.50,"ask":2.0e-1,"last":1.410e-5' in changed
    assert values.format_json(values.parse_json(KRAKEN)) == KRAKEN


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("binance", '{"e":"trade","E":1700000000000,"T":1700000000000}', '{"e":"trade","E":1700000060000,"T":1700000060000}'),
        ("okx", '{"data":[{"ts":"1652459224956"}]}', '{"data":[{"ts":"1652459284956"}]}'),
        ("coingecko", '{"bitcoin":{"last_updated_at":1779092258}}', '{"bitcoin":{"last_updated_at":1779092318}}'),
        ("coinbase", '{"time":"2020-02-01T01:40:16.253563Z"}', '{"time":"2020-02-01T01:41:16.253563Z"}'),
    ],
)  # fmt: skip
def test_times_are_shifted_in_their_own_form(source: str, text: str, expected: str) -> None:
    """Milliseconds as number or text, seconds, ISO."""
    assert values.shift_times(source, text, 60_000_000_000) == expected


def test_the_same_letter_is_a_price_in_one_event_and_none_in_another() -> None:
    """Binance's `p` is the price of a trade, but the price change of a ticker."""
    assert values.prices_of("binance", '{"e":"trade","p":"5.0","q":"1"}') == {"p": "5.0"}
    assert values.prices_of("binance", '{"e":"24hrTicker","p":"0.1","c":"5.0","b":"4","a":"6"}') == {
        "c": "5.0",
        "b": "4",
        "a": "6",
    }
