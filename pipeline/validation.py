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


class Refusal(StrEnum):
    """Why a ticker was not stored."""

    NOT_FINITE = "a number that is not finite or has over 50 digits a side"
    PRICE_NOT_POSITIVE = "a price of zero or less"
    PRICE_ABSURD = "a price above 10^15"
    FROM_THE_FUTURE = "observed in the future"
    BEFORE_ALL_MARKETS = "observed before 2009"
    UNREADABLE = "an entry that could not be read"


def find_refusal(ticker: Ticker, *, now: datetime, max_skew: timedelta) -> Refusal | None:
    """The reason not to store `ticker`, if there is one; clocks may differ by up to `max_skew`, that included."""
    if not all(is_printable(number) for number in _numbers(ticker)):
        return Refusal.NOT_FINITE
    if ticker.price <= 0:
        return Refusal.PRICE_NOT_POSITIVE
    if ticker.price > HIGHEST_PRICE:
        return Refusal.PRICE_ABSURD
    if ticker.observed_at - now > max_skew:
        return Refusal.FROM_THE_FUTURE
    if ticker.observed_at < FIRST_POSSIBLE:
        return Refusal.BEFORE_ALL_MARKETS
    return None


def _numbers(ticker: Ticker) -> list[Decimal]:
    optional = (
        ticker.bid,
        ticker.ask,
        ticker.change_percent_24h,
        ticker.high_24h,
        ticker.low_24h,
        ticker.volume_24h,
    )
    return [ticker.price, *(number for number in optional if number is not None)]
