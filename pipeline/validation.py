"""Validation of tickers. Pure. Rejected tickers are counted by reason and never corrected."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from rates.number import is_printable
from rates.ticker import Ticker

# Bitcoin's first block. Nothing was traded before it, but exchanges send 1970 for "never".
EARLIEST_OBSERVATION = datetime(2009, 1, 3, tzinfo=UTC)
# Orders of magnitude above all prices ever quoted for one unit, in any currency.
HIGHEST_PRICE = Decimal(10) ** 15


class Rejection(StrEnum):
    """The reasons for which tickers are not stored."""

    NOT_FINITE = "a number that is not finite or has over 50 digits a side"
    PRICE_NOT_POSITIVE = "a price of zero or less"
    NEGATIVE = "a bid, ask, size, open, high, low or volume below zero"
    PRICE_ABSURD = "a price above 10^15"
    FROM_THE_FUTURE = "observed, quoted or traded in the future"
    BEFORE_ALL_MARKETS = "observed, quoted or traded before 2009"
    NO_MARKET = "neither a bid nor an ask: the instrument is not traded, whatever its last price was"
    UNREADABLE = "an entry that could not be read"
    CLOCK_WRONG = "this machine's clock is too far off to judge it"


def find_rejection(  # noqa: PLR0911 - one return per rule
    ticker: Ticker, *, now: datetime, max_skew: timedelta, valid: Ticker | None = None
) -> Rejection | None:
    """Return the reason not to store `ticker`, or `None`. `max_skew` itself is allowed.

    `valid`: a ticker that was accepted. Where all numbers but the price are the same objects, they are not looked at again.
    """
    price = ticker.price
    if not is_printable(price):
        return Rejection.NOT_FINITE
    is_checked = valid is not None and _has_numbers_of(ticker, valid)
    if not is_checked:
        sizes = _sizes(ticker)
        if not all(map(is_printable, sizes)) or not _is_printable_change(ticker):
            return Rejection.NOT_FINITE
    if price <= 0:
        return Rejection.PRICE_NOT_POSITIVE
    # Zero is valid: an empty side of the book, a day without trades.
    if not is_checked and sizes and min(sizes) < 0:
        return Rejection.NEGATIVE
    if price > HIGHEST_PRICE:
        return Rejection.PRICE_ABSURD
    if latest_time(ticker) - now > max_skew:
        return Rejection.FROM_THE_FUTURE
    if _earliest_time(ticker) < EARLIEST_OBSERVATION:
        return Rejection.BEFORE_ALL_MARKETS
    return None


def latest_time(ticker: Ticker) -> datetime:
    """Return the latest time that a ticker has."""
    latest, quoted_at, traded_at = ticker.observed_at, ticker.quoted_at, ticker.last_trade_at
    if quoted_at is not None and quoted_at > latest:
        latest = quoted_at
    return traded_at if traded_at is not None and traded_at > latest else latest


def _earliest_time(ticker: Ticker) -> datetime:
    earliest, quoted_at, traded_at = ticker.observed_at, ticker.quoted_at, ticker.last_trade_at
    if quoted_at is not None and quoted_at < earliest:
        earliest = quoted_at
    return traded_at if traded_at is not None and traded_at < earliest else earliest


def _sizes(ticker: Ticker) -> list[Decimal]:
    """Return the numbers besides the price that are not negative."""
    numbers = (
        ticker.bid,
        ticker.ask,
        ticker.bid_size,
        ticker.ask_size,
        ticker.open_24h,
        ticker.high_24h,
        ticker.low_24h,
        ticker.volume_24h,
        ticker.quote_volume_24h,
    )
    return [number for number in numbers if number is not None]


def _is_printable_change(ticker: Ticker) -> bool:
    return ticker.change_percent_24h is None or is_printable(ticker.change_percent_24h)


def _has_numbers_of(ticker: Ticker, valid: Ticker) -> bool:
    """Return whether all numbers besides the price are the same objects."""
    return (
        ticker.bid is valid.bid
        and ticker.ask is valid.ask
        and ticker.bid_size is valid.bid_size
        and ticker.ask_size is valid.ask_size
        and ticker.volume_24h is valid.volume_24h
        and ticker.quote_volume_24h is valid.quote_volume_24h
        and ticker.change_percent_24h is valid.change_percent_24h
        and ticker.open_24h is valid.open_24h
        and ticker.high_24h is valid.high_24h
        and ticker.low_24h is valid.low_24h
    )
