"""The arguments of a query for summaries, as a plain value, and their validation."""

import msgspec

from rates.errors import InvalidArgument
from rates.symbol import Symbol

DEFAULT_POINTS = 48
# The quarter hours of a day: finer closes are not read.
MIN_POINTS, MAX_POINTS = 2, 96


class SummariesQuery(msgspec.Struct, frozen=True, cache_hash=True):
    """Summaries of these symbols, each once, with so many closes.

    `symbols`: `None` for all tracked ones.

    Hashed once, because every answer looks it up.
    """

    symbols: tuple[Symbol, ...] | None = None
    points: int = DEFAULT_POINTS


def check_summaries(query: SummariesQuery, *, max_symbols: int) -> None:
    """Validate the arguments.

    Raises:
        InvalidArgument: an argument is out of range.
    """
    if not MIN_POINTS <= query.points <= MAX_POINTS:
        raise InvalidArgument("points", query.points, f"{MIN_POINTS} to {MAX_POINTS}")
    if query.symbols is not None and not 1 <= len(query.symbols) <= max_symbols:
        raise InvalidArgument.of_length("symbols", len(query.symbols), f"1 to {max_symbols} values")
