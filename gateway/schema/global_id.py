"""Globally unique ids of objects, `Type:key`.

Builds all of them; clients treat them as opaque.
"""

from gateway.queries.consensus.query import MAX_DEVIATION_BPS, MIN_SOURCES, ConsensusQuery
from rates.clock import format_span_ms
from rates.source import Source
from rates.symbol import Symbol


def rate_id(source: Source, symbol: Symbol) -> str:
    """Return the id of the rate of one instrument."""
    return f"Rate:{source.name}:{symbol}"


def instrument_id(source: Source, symbol: Symbol) -> str:
    """Return the id of an instrument."""
    return f"Instrument:{source.name}:{symbol}"


def source_id(source: Source) -> str:
    """Return the id of a source."""
    return f"Source:{source.name}"


def source_status_id(source: Source) -> str:
    """Return the id of the status of a source."""
    return f"SourceStatus:{source.name}"


def consensus_rate_id(query: ConsensusQuery) -> str:
    """Return the id of a consensus.

    Arguments at their defaults are left out, so that equal queries have one id.
    """
    details = {
        "minSources": None if query.min_sources == MIN_SOURCES else str(query.min_sources),
        "maxAgeMs": None if query.max_age is None else str(format_span_ms(query.max_age)),
        "maxTradeAgeMs": None if query.max_trade_age is None else str(format_span_ms(query.max_trade_age)),
        "maxDeviationBps": None
        if query.max_deviation_bps == MAX_DEVIATION_BPS
        else format(query.max_deviation_bps.normalize(), "f"),
        "sources": None if query.sources is None else "+".join(each.name for each in query.sources),
    }
    arguments = "&".join(f"{name}={value}" for name, value in details.items() if value is not None)
    return f"ConsensusRate:{query.symbol}:{query.method}{arguments and '?' + arguments}"
