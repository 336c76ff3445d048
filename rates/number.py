"""Exact decimal numbers as plain text: never a float, never an exponent, nothing rounded."""

from decimal import Decimal, InvalidOperation

from rates.errors import InvalidNumber

# No published price needs more; a number such as 1E+400 would print as 400 digits.
MAX_MAGNITUDE = 50


def parse_decimal(text: str) -> Decimal:
    """Read a finite decimal, in plain or exponent notation.

    Raises:
        InvalidNumber: not a number, not finite, or beyond 50 digits before or after the point.
    """
    try:
        value = Decimal(text)
    except InvalidOperation as exc:
        raise InvalidNumber(text) from exc
    # Most by far are short and plain: no need to look at their digits.
    is_plain = len(text) <= MAX_MAGNITUDE and "e" not in text and "E" not in text and value.is_finite()
    if not is_plain and not is_printable(value):
        raise InvalidNumber(text)
    return value


def is_printable(value: Decimal) -> bool:
    """Whether `value` is finite and stays within `MAX_MAGNITUDE` digits on either side of the point."""
    if not value.is_finite():
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -MAX_MAGNITUDE and value.adjusted() < MAX_MAGNITUDE


def format_decimal(value: Decimal) -> str:
    """Plain notation with every digit that was published: `0.00000001`, not `1E-8`."""
    return format(value, "f")
