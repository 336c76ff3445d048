"""The arguments of live consensuses and conversions, parsed as the executor parses them."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.queries.consensus.query import ConsensusMethod, ConsensusQuery
from gateway.queries.consensus.rates_query import ConsensusRatesQuery
from gateway.queries.conversion.conversions_query import ConversionsQuery
from gateway.queries.conversion.query import ConversionQuery
from gateway.queries.rates_query import OnStale
from gateway.schema.arguments import UNSET
from gateway.schema.consensus_arguments import read_consensus
from gateway.schema.consensus_list import read_consensus_rates
from gateway.schema.conversion import read_conversion
from gateway.schema.conversion_list import check_live, read_conversions

Arguments = Mapping[str, Any]
AnswerQuery = ConsensusQuery | ConsensusRatesQuery | ConversionQuery | ConversionsQuery


def parse_answer_query(name: str, arguments: Arguments) -> AnswerQuery:
    """Parse the query of a subscription field.

    Raises:
        InvalidArgument: an argument is out of range.
    """
    return _PARSERS[name](arguments)


def _parse_consensus_rate(arguments: Arguments) -> ConsensusQuery:
    return _parse_consensus(arguments, symbol=arguments["symbol"])


def _parse_consensus_rates(arguments: Arguments) -> ConsensusRatesQuery:
    return read_consensus_rates(arguments["symbols"], _parse_consensus(arguments))


def _parse_consensus(arguments: Arguments, **symbol: Any) -> ConsensusQuery:
    return read_consensus(
        **symbol,
        method=ConsensusMethod(arguments["method"]),
        min_sources=arguments["minSources"],
        max_age_ms=arguments.get("maxAgeMs", UNSET),
        max_deviation_bps=arguments["maxDeviationBps"],
        sources=arguments.get("sources", UNSET),
        max_trade_age_ms=arguments.get("maxTradeAgeMs", UNSET),
    )


def _parse_conversion(arguments: Arguments) -> ConversionQuery:
    return _parse_live_conversion(
        arguments, amount=arguments["amount"], start=arguments["from"], end=arguments["to"]
    )


def _parse_conversions(arguments: Arguments) -> ConversionsQuery:
    entries = ((each["amount"], each["from"], each["to"]) for each in arguments["input"])
    return read_conversions(entries, _parse_live_conversion(arguments))


def _parse_live_conversion(arguments: Arguments, **conversion: Any) -> ConversionQuery:
    query = read_conversion(
        **conversion,
        max_age_ms=arguments.get("maxAgeMs", UNSET),
        sources=arguments.get("sources", UNSET),
        max_legs=arguments["maxLegs"],
        stablecoins_as_usd=arguments["stablecoinsAsUsd"],
        on_stale=OnStale(arguments["onStale"]),
        max_trade_age_ms=arguments.get("maxTradeAgeMs", UNSET),
    )
    check_live(query)
    return query


_PARSERS: Mapping[str, Callable[[Arguments], AnswerQuery]] = {
    "consensusRate": _parse_consensus_rate,
    "consensusRates": _parse_consensus_rates,
    "conversion": _parse_conversion,
    "conversions": _parse_conversions,
}
ANSWER_FIELDS = _PARSERS.keys()
"""The subscription fields that this module parses."""
