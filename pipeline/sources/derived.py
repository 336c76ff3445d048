"""The one value that Ratewire derives where a source publishes only its inputs. Pure."""

from decimal import ROUND_HALF_EVEN, Context, Decimal

from rates.number import is_printable

# Decimal places of a derived change in per cent: a hundredth of a basis point, finer than sources publish it.
CHANGE_PLACES = Decimal("0.0001")
# Prices have at most 50 digits on either side of the point, so that no quotient has more before it.
_CONTEXT = Context(prec=220, rounding=ROUND_HALF_EVEN)


def change_percent(price: Decimal, opening: Decimal | None) -> Decimal | None:
    """Return the change from `opening` to `price` in per cent.

    Rounded half to even to four decimal places. `None` without an opening price, and for a result that cannot be printed.
    """
    if not opening or not is_printable(price) or not is_printable(opening):
        return None
    difference = _CONTEXT.multiply(_CONTEXT.subtract(price, opening), Decimal(100))
    change = _CONTEXT.quantize(_CONTEXT.divide(difference, opening), CHANGE_PLACES)
    return change if is_printable(change) else None
