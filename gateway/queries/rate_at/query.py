"""The arguments of a query for a rate of the past, as a plain value, and their validation."""

from datetime import datetime
from typing import NamedTuple

from gateway.queries.candles.query import FIRST_TIME
from rates.errors import InvalidArgument
from rates.source import Source
from rates.symbol import Symbol


class RateAtQuery(NamedTuple):
    """The last trade of a symbol at or before `at`.

    `source`: `None` for the first by preference with a history. `known_at`: as it was known then; `None` for now.
    """

    symbol: Symbol
    at: datetime
    source: Source | None = None
    known_at: datetime | None = None


def check_times(at: datetime, known_at: datetime | None, now: datetime) -> None:
    """Validate the time that is asked for, and that of knowledge.

    Raises:
        InvalidArgument: one is out of range.
    """
    for name, time in (("at", at), ("knownAt", known_at)):
        if time is not None and not FIRST_TIME <= time <= now:
            raise InvalidArgument(
                name, time.isoformat(), f"a time from {FIRST_TIME.year} on that is not in the future"
            )
