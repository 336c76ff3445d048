"""What a client asks of a conversion, checked."""

from decimal import Decimal
from typing import NamedTuple

from gateway.queries.rates_query import ANY_AGE, FreshnessPolicy
from rates.errors import InvalidArgument
from rates.source import Source

# Three legs lead from any asset over two hubs to any other; more only add up errors.
MAX_LEGS = 3


class ConversionQuery(NamedTuple):
    """`amount` of the asset `start` in the asset `end`; `sources` is `None` for all."""

    amount: Decimal
    start: str
    end: str
    demand: FreshnessPolicy = ANY_AGE
    sources: tuple[Source, ...] | None = None
    max_legs: int = MAX_LEGS
    stablecoins_as_usd: bool = False


def check_conversion(question: ConversionQuery) -> None:
    """Refuse what cannot be asked.

    Raises:
        InvalidArgument: out of range.
    """
    if question.amount < 0:
        raise InvalidArgument("amount", question.amount, "0 or more")
    if not 1 <= question.max_legs <= MAX_LEGS:
        raise InvalidArgument("maxLegs", question.max_legs, f"1 to {MAX_LEGS}")
    if question.sources is not None and not question.sources:
        raise InvalidArgument("sources", "an empty list", "at least one source")
