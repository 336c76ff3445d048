"""The last price in a span of time, and how much of the span is known."""

from decimal import Decimal
from typing import NamedTuple


class SpanClose(NamedTuple):
    """`close` is `None` without a trade.

    `whole`: minutes of the span that are known completely, `known`: those of which something is known.
    """

    close: Decimal | None
    whole: int
    known: int
