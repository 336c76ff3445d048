"""A query of several conversions, and its answer, as plain values."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from gateway.queries.conversion.conversion import Conversion
from gateway.queries.conversion.query import ConversionQuery, check_options
from rates.error_mapping import GRAPHQL_CODES
from rates.errors import InvalidArgument, RatesError

# Each conversion reads the rates of up to 64 routes, usually of one.
MAX_CONVERSIONS = 50


class ConversionsQuery(msgspec.Struct, frozen=True, cache_hash=True):
    """The conversions that a client asks for, each once.

    `amounts` are the amounts as they are written: 1 and 1.0 are equal numbers with different results to print.
    """

    queries: tuple[ConversionQuery, ...]
    amounts: tuple[str, ...]

    @classmethod
    def of(cls, queries: Iterable[ConversionQuery]) -> "ConversionsQuery":
        """The query of these conversions, without repetitions."""
        by_text = {(str(each.amount), each): each for each in queries}
        return cls(tuple(by_text.values()), tuple(amount for amount, _ in by_text))


class UnavailableConversion(msgspec.Struct, frozen=True):
    """A requested conversion without an answer, and why."""

    amount: Decimal
    start: str
    end: str
    error: RatesError

    @classmethod
    def of(cls, query: ConversionQuery, error: RatesError) -> "UnavailableConversion":
        """The conversion that was asked for, with the error."""
        return cls(query.amount, query.start, query.end, error)

    @property
    def code(self) -> str:
        """The code of the error in the API."""
        return GRAPHQL_CODES[type(self.error)]

    @property
    def message(self) -> str:
        return str(self.error)


class ConversionList(msgspec.Struct, frozen=True):
    """The conversions that answer a query at the moment `now`, and those without an answer."""

    items: tuple[Conversion, ...]
    unavailable: tuple[UnavailableConversion, ...]
    now: datetime


def check_conversions(query: ConversionsQuery) -> None:
    """Validate the arguments but for the amounts: a bad one costs only its own conversion.

    Raises:
        InvalidArgument: an argument is out of range, or there are no conversions, or too many.
    """
    count = len(query.queries)
    if not 1 <= count <= MAX_CONVERSIONS:
        raise InvalidArgument.of_length("input", count, f"1 to {MAX_CONVERSIONS} values")
    check_options(query.queries[0])
