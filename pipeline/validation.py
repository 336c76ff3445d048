"""What ingest refuses to store. One policy, pure; a refusal is counted by its reason, never mended."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from rates.number import is_printable
from rates.ticker import Ticker

# Bitcoin's first block: nothing was traded before it, but exchanges send 1970 for "never".
FIRST_POSSIBLE = datetime(2009, 1, 3, tzinfo=UTC)
# Above all prices ever quoted for one unit, in any currency, by orders of magnitude.
HIGHEST_PRICE = Decimal(10) ** 15


class Rejection(StrEnum):
    """Why a ticker was not stored."""

    NOT_FINITE = "a number that is not finite or has over 50 digits a side"
    PRICE_NOT_POSITIVE = "a price of zero or less"
    NEGATIVE = "a bid, ask, high, low or volume below zero"
    PRICE_ABSURD = "a price above 10^15"
    FROM_THE_FUTURE = "observed in the future"
    BEFORE_ALL_MARKETS = "observed before 2009"
    NO_MARKET = "neither a bid nor an ask: nobody trades it, whatever its last price was"
    UNREADABLE = "an entry that could not be read"


def find_rejection(  # noqa: PLR0911 - one return per rule
    ticker: Ticker, *, now: datetime, max_skew: timedelta
) -> Rejection | None:
    """The reason not to store `ticker`, if there is one; clocks may differ by up to `max_skew`, that included."""
    sizes = _given(ticker.price, ticker.bid, ticker.ask, ticker.high_24h, ticker.low_24h, ticker.volume_24h)
    if not all(map(is_printable, (*sizes, *_given(ticker.change_percent_24h)))):
        return Rejection.NOT_FINITE
    if ticker.price <= 0:
        return Rejection.PRICE_NOT_POSITIVE
    # Zero is none: an empty side of the book, a day without trades.
    if min(sizes) < 0:
        return Rejection.NEGATIVE
    if ticker.price > HIGHEST_PRICE:
        return Rejection.PRICE_ABSURD
    if ticker.observed_at - now > max_skew:
        return Rejection.FROM_THE_FUTURE
    if ticker.observed_at < FIRST_POSSIBLE:
        return Rejection.BEFORE_ALL_MARKETS
    return None


def _given(*numbers: Decimal | None) -> list[Decimal]:
    return [number for number in numbers if number is not None]
