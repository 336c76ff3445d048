"""Exact arithmetic on decimals.

A result that would have to be rounded is an error, never an approximation.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

# A published number has at most 50 digits a side (`rates.number`). A product of two has 200 digits, and a sum of 10^50 of those 250.
_DIGITS = 250
# Of a quotient, which has no exact form. More than any published price.
QUOTIENT_DIGITS = 18

_EXACT = Context(prec=_DIGITS, traps=[Inexact, InvalidOperation, Overflow])
_QUOTIENT = Context(
    prec=QUOTIENT_DIGITS, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow]
)

add = _EXACT.add
multiply = _EXACT.multiply
multiply_add = _EXACT.fma
"""Return the first factor times the second one, plus the third argument."""


def divide(dividend: Decimal, divisor: Decimal) -> Decimal:
    """Divide, half even at 18 significant digits."""
    return _QUOTIENT.divide(dividend, divisor)
