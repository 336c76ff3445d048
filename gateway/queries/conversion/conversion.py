"""The result of a conversion: the amount, and every leg with its rate and age."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact
from enum import StrEnum

import msgspec

from gateway.queries.conversion.query import ConversionQuery
from gateway.queries.freshness import Freshness, worst
from gateway.queries.price_basis import merged_price
from gateway.queries.rate import Rate
from gateway.queries.rate_at.rate_at import RateAt
from rates.age import format_age_ms
from rates.number import format_decimal

# Amounts and prices have at most 50 digits on either side of the point (`rates.number`); this holds an amount times three.
EXACT = Context(prec=450, traps=[Inexact])
# Results have 34 significant digits, rounded half to even: IEEE 754 decimal128.
DIGITS = 34
RESULT = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)
ONE = Decimal(1)


class ConversionOperation(StrEnum):
    """The operation of a leg on its price."""

    MULTIPLY = "MULTIPLY"
    DIVIDE = "DIVIDE"


class Leg(msgspec.Struct, frozen=True):
    """One step from an asset to another. `rate` is `None` for the peg of a stablecoin.

    `rate_at`: the trade that it is made of, at a time of the past.
    """

    start: str
    end: str
    rate: Rate | None
    rate_at: RateAt | None = None

    @property
    def operation(self) -> ConversionOperation:
        turned = self.rate is not None and self.rate.ticker.symbol.base != self.start
        return ConversionOperation.DIVIDE if turned else ConversionOperation.MULTIPLY

    @property
    def price(self) -> Decimal:
        return merged_price(self.rate) if self.rate else ONE


class Conversion(msgspec.Struct, frozen=True):
    """The answer to `query` along `legs`; no legs where both assets are the same."""

    query: ConversionQuery
    legs: tuple[Leg, ...]

    @property
    def amount(self) -> Decimal:
        """The amount in units of `start`, as it is printed: 1E+3 is 1000, and negative zero is zero."""
        return Decimal(format_decimal(self.query.amount.copy_abs()))

    @property
    def start(self) -> str:
        """The asset of the amount."""
        return self.query.start

    @property
    def end(self) -> str:
        """The asset of the result."""
        return self.query.end

    @property
    def rates(self) -> tuple[Rate, ...]:
        """The rates of the legs that have one."""
        return tuple(leg.rate for leg in self.legs if leg.rate)

    @property
    def rate(self) -> Decimal:
        """Units of `end` for one of `start`."""
        return self._convert(ONE)

    @property
    def result(self) -> Decimal:
        """Units of `end` for the amount, rounded once, at the end."""
        return self._convert(self.amount)

    @property
    def uses_peg(self) -> bool:
        """Tell whether a leg takes a stablecoin at its promised value."""
        return any(leg.rate is None for leg in self.legs)

    @property
    def observed_at(self) -> datetime | None:
        """The observation time of the oldest rate; `None` without rates."""
        return min((rate.ticker.observed_at for rate in self.rates), default=None)

    @property
    def age_ms(self) -> int:
        """Age of the oldest rate in milliseconds; 0 without rates."""
        return format_age_ms(max((rate.age for rate in self.rates), default=timedelta(0)))

    @property
    def freshness(self) -> Freshness:
        """The worst freshness of the rates, each by the TTL of its own source."""
        return worst(rate.freshness for rate in self.rates) or Freshness.FRESH

    def _convert(self, amount: Decimal) -> Decimal:
        if not self.legs:
            return amount
        times = _product(leg.price for leg in self.legs if leg.operation is ConversionOperation.MULTIPLY)
        by = _product(leg.price for leg in self.legs if leg.operation is ConversionOperation.DIVIDE)
        return RESULT.divide(EXACT.multiply(amount, times), by)


def _product(prices: Iterable[Decimal]) -> Decimal:
    product = ONE
    for price in prices:
        product = EXACT.multiply(product, price)
    return product
