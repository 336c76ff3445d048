"""Exact decimal numbers in plain notation.

Uses no floats, prints no exponents and rounds nothing.
"""

from decimal import Clamped, Context, Decimal, InvalidOperation, Overflow, Rounded, Subnormal

from rates.errors import InvalidNumber

# No published price has more digits per side; 1E+400 would print as 400 digits.
MAX_MAGNITUDE = 50
# Takes numbers of up to 25 digits with up to 25 zeros before or behind them: so many are printable in any case.
_NOT_SHORT = (Clamped, InvalidOperation, Overflow, Rounded, Subnormal)
_SHORT = Context(prec=25, Emin=-24, Emax=24, traps=list(_NOT_SHORT))


def parse_decimal(text: str) -> Decimal:
    """Parse a finite decimal in plain or exponent notation.

    Raises:
        InvalidNumber: not a number, not finite, or more than 50 digits before or after the point.
    """
    try:
        value = Decimal(text)
    except InvalidOperation as exc:
        raise InvalidNumber(text) from exc
    # Fast path: almost all numbers are short and have no exponent, so their digits need no check.
    is_plain = len(text) <= MAX_MAGNITUDE and "e" not in text and "E" not in text and value.is_finite()
    if not is_plain and not is_printable(value):
        raise InvalidNumber(text)
    return value


def is_printable(value: Decimal) -> bool:
    """Check that `value` is finite, with at most `MAX_MAGNITUDE` digits per side of the point."""
    if not value.is_finite():
        return False
    try:
        # Fast path: the digits of a number are slow to list.
        _SHORT.plus(value)
    except _NOT_SHORT:
        pass
    else:
        return True
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -MAX_MAGNITUDE and value.adjusted() < MAX_MAGNITUDE


def format_decimal(value: Decimal) -> str:
    """Format in plain notation with all published digits: `0.00000001`, not `1E-8`."""
    return format(value, "f")
