"""The arguments of candles and trades, parsed as the executor parses them."""

from collections.abc import Mapping
from typing import Any

from gateway.queries.candles.query import CandlesQuery
from gateway.queries.consensus.query import ConsensusMethod
from gateway.queries.consensus_candles.query import ConsensusCandlesQuery
from gateway.schema.arguments import UNSET, none_if_unset
from gateway.schema.candles import read_candles
from gateway.schema.live_candles import read_live_candles
from gateway.schema.live_trades import read_live_trades
from gateway.subscriptions.candles_event import LiveCandlesArgs
from gateway.subscriptions.trades_event import LiveTradesArgs
from history.interval import Interval
from rates.source import Source


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


def parse_consensus_candle_args(arguments: Mapping[str, Any]) -> ConsensusCandlesQuery:
    """Parse the query of `consensusCandles`."""
    return ConsensusCandlesQuery(
        arguments["symbol"],
        Interval(arguments["interval"]),
        ConsensusMethod(arguments["method"]),
        arguments["minSources"],
        none_if_unset(arguments.get("from", UNSET)),
        none_if_unset(arguments.get("to", UNSET)),
        arguments["last"],
    )


def parse_live_candle_args(arguments: Mapping[str, Any]) -> LiveCandlesArgs:
    """Parse the query of the subscription `candles`.

    Raises:
        InvalidArgument: an argument is out of range.
    """
    return read_live_candles(
        symbols=arguments["symbols"],
        interval=Interval(arguments["interval"]),
        source=arguments.get("source", UNSET),
        last=arguments["last"],
        time_zone=arguments["timeZone"],
    )


def parse_live_trade_args(arguments: Mapping[str, Any]) -> LiveTradesArgs:
    """Parse the query of the subscription `trades`.

    Raises:
        InvalidArgument: an argument is out of range.
    """
    return read_live_trades(
        symbol=arguments["symbol"], source=Source(arguments["source"]), last=arguments["last"]
    )
