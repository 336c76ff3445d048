"""The arguments of a conversion query, as a plain value, and their validation."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from gateway.queries.rates_query import ANY_AGE, FreshnessPolicy
from rates.errors import InvalidArgument
from rates.source import Source

# Three legs connect almost any two assets over two hubs; more only add up errors.
MAX_LEGS = 3


class ConversionQuery(NamedTuple):
    """`amount` of the asset `start` in the asset `end`; `sources` is `None` for all.

    `at`: a time of the past, by the last trades known then; `None` for now.
    """

    amount: Decimal
    start: str
    end: str
    policy: FreshnessPolicy = ANY_AGE
    sources: tuple[Source, ...] | None = None
    max_legs: int = MAX_LEGS
    stablecoins_as_usd: bool = False
    at: datetime | None = None


def check_conversion(query: ConversionQuery) -> None:
    """Validate the arguments.

    Raises:
        InvalidArgument: an argument is out of range.
    """
    if (error := find_invalid_amount(query)) is not None:
        raise error
    check_options(query)


def find_invalid_amount(query: ConversionQuery) -> InvalidArgument | None:
    """Return why the amount cannot be converted; `None` if it can."""
    return InvalidArgument("amount", query.amount, "0 or more") if query.amount < 0 else None


def check_options(query: ConversionQuery) -> None:
    """Validate the arguments other than the amount.

    Raises:
        InvalidArgument: an argument is out of range.
    """
    if not 1 <= query.max_legs <= MAX_LEGS:
        raise InvalidArgument("maxLegs", query.max_legs, f"1 to {MAX_LEGS}")
