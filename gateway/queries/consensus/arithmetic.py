"""The formulas of a consensus, in decimals throughout. Pure: prices in, prices out. See docs/consensus.md."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, Inexact

from gateway.queries.consensus.query import BPS

# Prices and volumes have at most 50 digits on either side of the point (`rates.number`). Sums and products of them are
# exact in so many digits, however many sources there are; the trap would tell if they were not.
EXACT = Context(prec=250, traps=[Inexact])
# Ratios end somewhere: IEEE 754 decimal128.
RATIO = Context(prec=34, rounding=ROUND_HALF_EVEN)
QUOTIENT = Context(prec=250, rounding=ROUND_HALF_EVEN)

# Two agree or do not, and of three that differ no one is proved wrong: fewer are never rejected.
MIN_FOR_OUTLIERS = 4
# Modified z-score: 0.6745 x |price - median| / MAD beyond 3.5 is an outlier.
# [B. Iglewicz, D. C. Hoaglin: How to Detect and Handle Outliers, ASQC 1993; NIST/SEMATECH e-Handbook of Statistical Methods,
# 1.3.5.17 https://www.itl.nist.gov/div898/handbook/eda/section3/eda35h.htm]
MAX_MODIFIED_Z = Decimal("3.5")
NORMAL_QUARTILE = Decimal("0.6745")
# Below so many basis points of the median nothing is an outlier: sources that agree to the last digit have a MAD of 0.
OUTLIER_FLOOR_BPS = Decimal(10)

# A VWAP is told in so many digits after the point more than the finest of its prices.
VWAP_EXTRA_DIGITS = 4
SHARE_UNIT = Decimal("0.000001")
_TWO = Decimal(2)


def median(values: Sequence[Decimal]) -> Decimal:
    """The middle value, or the exact mean of the two in the middle. `values` are not empty."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return EXACT.divide(EXACT.add(ordered[middle - 1], ordered[middle]), _TWO)


def vwap(prices: Sequence[Decimal], volumes: Sequence[Decimal]) -> Decimal:
    """The mean price of a unit traded, rounded half to even. Volumes are positive and in the same unit.

    All prices lie on the grid that it is rounded to, so it stays between the lowest and the highest.
    """
    paid = traded = Decimal(0)
    for price, volume in zip(prices, volumes, strict=True):
        paid = EXACT.add(paid, EXACT.multiply(price, volume))
        traded = EXACT.add(traded, volume)
    unit = Decimal(1).scaleb(-max(map(_digits_after_point, prices)) - VWAP_EXTRA_DIGITS)
    return QUOTIENT.quantize(QUOTIENT.divide(paid, traded), unit)


def outlier_limit(prices: Sequence[Decimal], tolerance_bps: Decimal) -> Decimal | None:
    """How far from the median of `prices` one of them may lie; `None` where they are too few to reject any.

    Nothing within `tolerance_bps` is rejected: the client said that it would live with that.
    """
    if len(prices) < MIN_FOR_OUTLIERS:
        return None
    middle = median(prices)
    deviations = [EXACT.abs(EXACT.subtract(price, middle)) for price in prices]
    spread = RATIO.divide(EXACT.multiply(MAX_MODIFIED_Z, median(deviations)), NORMAL_QUARTILE)
    floor_bps = max(OUTLIER_FLOOR_BPS, tolerance_bps)
    return max(spread, RATIO.divide(EXACT.multiply(middle, floor_bps), Decimal(BPS)))


def distance_bps(price: Decimal, reference: Decimal) -> Decimal:
    """How far `price` is from `reference`, in basis points (1/100 %) of it; negative below."""
    return RATIO.divide(EXACT.multiply(EXACT.subtract(price, reference), Decimal(BPS)), reference)


def shares(amounts: Sequence[Decimal]) -> list[Decimal]:
    """Each amount's part of the whole in millionths that sum to exactly 1. Amounts are positive.

    Rounded down, then what is missing goes to the largest remainders, the first of equal ones (Hamilton's method).
    """
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    exact = [QUOTIENT.divide(amount, total) for amount in amounts]
    rounded = [each.quantize(SHARE_UNIT, rounding=ROUND_DOWN, context=QUOTIENT) for each in exact]
    missing = int((1 - sum(rounded)) / SHARE_UNIT)
    by_remainder = sorted(range(len(exact)), key=lambda n: rounded[n] - exact[n])
    for n in by_remainder[:missing]:
        rounded[n] += SHARE_UNIT
    return rounded


def _digits_after_point(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), "prices are finite"
    return max(0, -exponent)
