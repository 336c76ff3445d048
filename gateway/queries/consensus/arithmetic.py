"""Formulas of the consensus price, in exact decimals. Pure: prices in, prices out.

See docs/consensus.md.
"""

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, Inexact

from gateway.queries.consensus.query import BPS

# Prices and volumes have at most 50 digits on either side of the point (`rates.number`). Their sums and products are
# exact with this precision for any number of sources; the trap raises if one were not.
EXACT = Context(prec=250, traps=[Inexact])
# Ratios are rounded to 34 digits: IEEE 754 decimal128.
RATIO = Context(prec=34, rounding=ROUND_HALF_EVEN)
QUOTIENT = Context(prec=250, rounding=ROUND_HALF_EVEN)

# With two or three sources that differ, none is provably wrong: fewer than four are never rejected.
MIN_FOR_OUTLIERS = 4
# Modified z-score: 0.6745 x |price - median| / MAD beyond 3.5 is an outlier.
# [B. Iglewicz, D. C. Hoaglin: How to Detect and Handle Outliers, ASQC 1993; NIST/SEMATECH e-Handbook of Statistical Methods,
# 1.3.5.17 https://www.itl.nist.gov/div898/handbook/eda/section3/eda35h.htm]
MAX_MODIFIED_Z = Decimal("3.5")
NORMAL_QUARTILE = Decimal("0.6745")
# A distance below this, in basis points of the median, is never an outlier: sources that agree exactly have a MAD of 0.
OUTLIER_FLOOR_BPS = Decimal(10)

# Digits after the point of a VWAP, beyond those of its finest price.
VWAP_EXTRA_DIGITS = 4
SHARE_UNIT = Decimal("0.000001")
_TWO = Decimal(2)


def median(values: Sequence[Decimal]) -> Decimal:
    """Return the middle value, or the exact mean of the two middle ones.

    `values` must not be empty.
    """
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return EXACT.divide(EXACT.add(ordered[middle - 1], ordered[middle]), _TWO)


def vwap(prices: Sequence[Decimal], volumes: Sequence[Decimal]) -> Decimal:
    """Return the volume-weighted mean price, rounded half to even.

    Volumes are positive, in one unit.

    The result lies between the lowest and the highest price, because it is rounded to a grid that holds all prices.
    """
    paid = traded = Decimal(0)
    for price, volume in zip(prices, volumes, strict=True):
        paid = EXACT.add(paid, EXACT.multiply(price, volume))
        traded = EXACT.add(traded, volume)
    unit = Decimal(1).scaleb(-max(map(_digits_after_point, prices)) - VWAP_EXTRA_DIGITS)
    return QUOTIENT.quantize(QUOTIENT.divide(paid, traded), unit)


def outlier_limit(prices: Sequence[Decimal], tolerance_bps: Decimal) -> Decimal | None:
    """Return the largest distance from the median that is no outlier.

    `None` for fewer than four prices.

    No distance within `tolerance_bps` is an outlier, because the client accepts it.
    """
    if len(prices) < MIN_FOR_OUTLIERS:
        return None
    middle = median(prices)
    deviations = [EXACT.abs(EXACT.subtract(price, middle)) for price in prices]
    spread = RATIO.divide(EXACT.multiply(MAX_MODIFIED_Z, median(deviations)), NORMAL_QUARTILE)
    floor_bps = max(OUTLIER_FLOOR_BPS, tolerance_bps)
    return max(spread, RATIO.divide(EXACT.multiply(middle, floor_bps), Decimal(BPS)))


def distance_bps(price: Decimal, reference: Decimal) -> Decimal:
    """Return the distance of `price` from `reference` in basis points (1/100 %) of it.

    Negative below.
    """
    return RATIO.divide(EXACT.multiply(EXACT.subtract(price, reference), Decimal(BPS)), reference)


def shares(amounts: Sequence[Decimal]) -> list[Decimal]:
    """Return each amount's share of the total, in millionths that sum to exactly 1.

    Amounts are positive.

    Shares are rounded down; the remainder goes to the largest fractions, the first of equal ones (Hamilton's method).
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
