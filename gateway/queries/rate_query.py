"""The query of the subscription `rate`, as a plain value."""

from typing import NamedTuple

from gateway.queries.rates_query import ANY_AGE, FreshnessPolicy
from rates.source import Source
from rates.symbol import Symbol


class RateQuery(NamedTuple):
    """One rate of a symbol.

    Of `source`, or where it is `None` of the one that `rate` chooses under `policy`.
    """

    symbol: Symbol
    source: Source | None = None
    policy: FreshnessPolicy = ANY_AGE
