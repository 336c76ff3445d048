"""Rules for trades that cannot be true. They are refused and counted, never corrected. Pure."""

from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow, Subnormal

from history.trade import Trade
from rates.number import MAX_MAGNITUDE

# Bitcoin's first block: nothing was traded before it.
EARLIEST = datetime(2009, 1, 3, tzinfo=UTC)
# Orders of magnitude above all prices ever quoted, and all quantities ever traded.
HIGHEST_PRICE, LARGEST_QUANTITY = Decimal(10) ** 15, Decimal(10) ** 20
_LIMITS = Context(
    prec=MAX_MAGNITUDE,
    Emin=1 - MAX_MAGNITUDE,
    Emax=MAX_MAGNITUDE,
    traps=[Inexact, InvalidOperation, Overflow, Subnormal],
)
_plus = _LIMITS.plus


def has_ordinary_numbers(trade: Trade) -> bool:
    """Return whether `find_fault` has nothing to say of the price and the quantity."""
    price, quantity = trade.price, trade.quantity
    try:
        _plus(price)
        _plus(quantity)
        # An ordering of NaN raises.
        is_ordinary = 0 < price <= HIGHEST_PRICE and 0 < quantity <= LARGEST_QUANTITY
    except (Inexact, InvalidOperation, Overflow, Subnormal):
        return False
    return is_ordinary


def find_fault(trade: Trade, *, now: datetime, max_skew: timedelta) -> str | None:
    """Return the reason to refuse a trade, or `None`. `max_skew` itself is allowed."""
    price, quantity = trade.price, trade.quantity
    try:
        # Much cheaper than a look at the digits.
        _LIMITS.plus(price)
        _LIMITS.plus(quantity)
        is_exact = price.is_finite() and quantity.is_finite()
    except (Inexact, InvalidOperation, Overflow, Subnormal):
        is_exact = False
    if not is_exact:
        return "a number that is not finite or has over 50 digits"
    if not 0 < price <= HIGHEST_PRICE:
        return "a price that is not between 0 and 10^15"
    if not 0 < quantity <= LARGEST_QUANTITY:
        return "a quantity that is not between 0 and 10^20"
    if trade.time - now > max_skew:
        return "traded in the future"
    if trade.time < EARLIEST:
        return "traded before 2009"
    return None if trade.count > 0 else "a count of trades that is not positive"
