"""The arguments of candles, parsed as the executor parses them."""

from collections.abc import Mapping
from typing import Any

from gateway.queries.candles.query import CandlesQuery
from gateway.schema.arguments import UNSET
from gateway.schema.candles import read_candles
from history.interval import Interval


def parse_candle_args(arguments: Mapping[str, Any]) -> CandlesQuery:
    """Parse the query of `candles`.

    Raises:
        InvalidCursor: `before` is not a cursor of candles.
    """
    return read_candles(
        symbol=arguments["symbol"],
        interval=Interval(arguments["interval"]),
        source=arguments.get("source", UNSET),
        start=arguments.get("from", UNSET),
        end=arguments.get("to", UNSET),
        last=arguments["last"],
        before=arguments.get("before", UNSET),
        time_zone=arguments["timeZone"],
        known_at=arguments.get("knownAt", UNSET),
    )
