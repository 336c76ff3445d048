"""The query of the subscription `rate`, as a plain value."""

from typing import NamedTuple

from rates.source import Source
from rates.symbol import Symbol


class RateQuery(NamedTuple):
    """One rate of a symbol: of `source`, or of the preferred one where it is `None`."""

    symbol: Symbol
    source: Source | None = None
