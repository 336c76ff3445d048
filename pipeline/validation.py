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
    ticker: Ticker, *, now: datetime, max_skew: timedelta
) -> Rejection | None:
    """Return the reason not to store `ticker`, or `None`. `max_skew` itself is allowed."""
    sizes = _present(
        ticker.price,
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
    if not all(map(is_printable, (*sizes, *_present(ticker.change_percent_24h)))):
        return Rejection.NOT_FINITE
    if ticker.price <= 0:
        return Rejection.PRICE_NOT_POSITIVE
    # Zero is valid: an empty side of the book, a day without trades.
    if min(sizes) < 0:
        return Rejection.NEGATIVE
    if ticker.price > HIGHEST_PRICE:
        return Rejection.PRICE_ABSURD
    times = _times(ticker)
    if max(times) - now > max_skew:
        return Rejection.FROM_THE_FUTURE
    if min(times) < EARLIEST_OBSERVATION:
        return Rejection.BEFORE_ALL_MARKETS
    return None


def latest_time(ticker: Ticker) -> datetime:
    """Return the latest time that a ticker has."""
    return max(_times(ticker))


def _times(ticker: Ticker) -> list[datetime]:
    return [at for at in (ticker.observed_at, ticker.quoted_at, ticker.last_trade_at) if at is not None]


def _present(*numbers: Decimal | None) -> list[Decimal]:
    return [number for number in numbers if number is not None]
