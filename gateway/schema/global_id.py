"""Globally unique ids of objects, `Type:key`.

Builds and parses all of them; clients treat them as opaque.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from gateway.queries.candles.candle_list import CandleSeries
from gateway.queries.candles.query import UTC_NAME, CandlesQuery
from gateway.queries.consensus.query import (
    MAX_DEVIATION_BPS,
    MIN_SOURCES,
    ConsensusMethod,
    ConsensusQuery,
    check_consensus,
)
from gateway.queries.conversion.query import MAX_LEGS, ConversionQuery, check_conversion
from gateway.queries.rates_query import FreshnessPolicy, OnStale
from history.interval import Interval
from rates.clock import format_span_ms
from rates.errors import InvalidArgument, InvalidNumber, InvalidSymbol
from rates.number import format_decimal, parse_decimal
from rates.source import Source
from rates.symbol import Symbol, parse_symbol
from rates.ticker import TickerKey

MAX_NODES = 200
# Of one request of a router, which asks for all entities of its operation at once.
MAX_ENTITIES = 1_000
EXPECTED_ID = "the `id` of an object, such as Rate:BINANCE:BTC/USDT"


class GlobalId(NamedTuple):
    """The type of an object, and its key within the type."""

    type_name: str
    key: str


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


def asset_id(asset: str) -> str:
    """Return the id of an asset."""
    return f"Asset:{asset}"


def consensus_rate_id(query: ConsensusQuery) -> str:
    """Return the id of a consensus.

    Arguments at their defaults are left out, so that equal queries have one id.
    """
    details = {
        "minSources": None if query.min_sources == MIN_SOURCES else str(query.min_sources),
        "maxAgeMs": _format_span(query.max_age),
        "maxTradeAgeMs": _format_span(query.max_trade_age),
        "maxDeviationBps": None
        if query.max_deviation_bps == MAX_DEVIATION_BPS
        else format(query.max_deviation_bps.normalize(), "f"),
        "sources": _format_sources(query.sources),
        "at": _format_time(query.at),
    }
    return f"ConsensusRate:{query.symbol}:{query.method}{_format_details(details)}"


def conversion_id(query: ConversionQuery) -> str:
    """Return the id of a conversion, likewise. The amount is part of it as it was written."""
    details = {
        "maxAgeMs": _format_span(query.policy.max_age),
        "sources": _format_sources(_in_order(query.sources)),
        "maxLegs": None if query.max_legs == MAX_LEGS else str(query.max_legs),
        "stablecoinsAsUsd": "true" if query.stablecoins_as_usd else None,
        "onStale": None if query.policy.on_stale is OnStale.RETURN else query.policy.on_stale.value,
        "maxTradeAgeMs": _format_span(query.policy.max_trade_age),
        "at": _format_time(query.at),
    }
    amount = format_decimal(query.amount.copy_abs())
    return f"Conversion:{amount}:{query.start}:{query.end}{_format_details(details)}"


def candle_id(series: CandleSeries, open_time: datetime) -> str:
    """Return the id of the candle that begins at a time."""
    source, symbol = series.key
    zone, known_at = series.zone, series.known_at
    details = {
        "timeZone": None if zone == UTC_NAME else zone,
        "knownAt": _format_time(known_at),
    }
    opening = open_time.isoformat(timespec="milliseconds").removesuffix("+00:00")
    return f"Candle:{source.name}:{symbol}:{series.interval}:{opening}Z{_format_details(details)}"


def parse_global_id(text: str) -> GlobalId:
    """Split an id into type and key; the type may be unknown.

    Raises:
        InvalidArgument: not an id.
    """
    type_name, colon, key = text.partition(":")
    if not colon or not type_name or not key:
        raise InvalidArgument("id", text, EXPECTED_ID)
    return GlobalId(type_name, key)


def parse_source_key(key: str) -> Source | None:
    """Return the source of a key; `None` for one that does not exist."""
    return Source.__members__.get(key)


def parse_instrument_key(key: str) -> TickerKey | None:
    """Return the instrument of a key; `None` if its source does not exist.

    Raises:
        InvalidArgument: not the key of an instrument.
    """
    name, _, symbol = key.partition(":")
    try:
        parsed = parse_symbol(symbol)
    except InvalidSymbol as exc:
        raise InvalidArgument("id", key, EXPECTED_ID) from exc
    source = parse_source_key(name)
    return None if source is None else TickerKey(source, parsed)


def parse_consensus_key(key: str) -> ConsensusQuery:
    """Return the query of a consensus.

    Raises:
        InvalidArgument: not a key that this module builds.
    """
    path, _, text = key.partition("?")
    symbol, _, method = path.partition(":")
    try:
        details = _parse_details(text)
        query = ConsensusQuery(
            parse_symbol(symbol),
            ConsensusMethod(method),
            int(details.get("minSources", MIN_SOURCES)),
            _parse_span(details.get("maxAgeMs")),
            Decimal(details.get("maxDeviationBps", MAX_DEVIATION_BPS)),
            _parse_sources(details.get("sources")),
            _parse_span(details.get("maxTradeAgeMs")),
            _parse_time(details.get("at")),
        )
        check_consensus(query)
    except (InvalidSymbol, InvalidArgument, InvalidOperation, ValueError, KeyError, OverflowError) as exc:
        raise InvalidArgument("id", key, EXPECTED_ID) from exc
    if consensus_rate_id(query) != f"ConsensusRate:{key}":
        raise InvalidArgument("id", key, EXPECTED_ID)
    return query


def parse_conversion_key(key: str) -> ConversionQuery:
    """Return the query of a conversion.

    Raises:
        InvalidArgument: not a key that this module builds.
    """
    path, _, text = key.partition("?")
    try:
        amount, start, end = path.split(":")
        details = _parse_details(text)
        query = ConversionQuery(
            parse_decimal(amount),
            start,
            end,
            FreshnessPolicy(
                _parse_span(details.get("maxAgeMs")),
                OnStale(details.get("onStale", OnStale.RETURN)),
                _parse_span(details.get("maxTradeAgeMs")),
            ),
            _parse_sources(details.get("sources")),
            int(details.get("maxLegs", MAX_LEGS)),
            "stablecoinsAsUsd" in details,
            _parse_time(details.get("at")),
        )
        check_conversion(query)
    except (InvalidNumber, InvalidArgument, ValueError, KeyError, OverflowError) as exc:
        raise InvalidArgument("id", key, EXPECTED_ID) from exc
    if conversion_id(query) != f"Conversion:{key}":
        raise InvalidArgument("id", key, EXPECTED_ID)
    return query


def parse_candle_key(key: str) -> tuple[CandlesQuery, datetime]:
    """Return a query for a candle, and the beginning of that candle.

    Raises:
        InvalidArgument: not a key that this module builds.
    """
    path, _, text = key.partition("?")
    try:
        source, symbol, interval, opening = path.split(":", 3)
        start, details = datetime.fromisoformat(opening), _parse_details(text)
        query = CandlesQuery(
            parse_symbol(symbol),
            Interval(interval),
            Source[source],
            start=start,
            end=start + timedelta(microseconds=1),
            last=1,
            zone=details.get("timeZone", UTC_NAME),
            known_at=_parse_time(details.get("knownAt")),
        )
        series = CandleSeries(
            TickerKey(Source[source], query.symbol), query.interval, query.zone, query.known_at
        )
        is_ours = candle_id(series, start) == f"Candle:{key}"
    except (InvalidSymbol, ValueError, KeyError, TypeError, OverflowError) as exc:
        raise InvalidArgument("id", key, EXPECTED_ID) from exc
    if not is_ours:
        raise InvalidArgument("id", key, EXPECTED_ID)
    return query, start


def _format_details(details: Mapping[str, str | None]) -> str:
    given = "&".join(f"{name}={value}" for name, value in details.items() if value is not None)
    return f"?{given}" if given else ""


def _parse_details(text: str) -> dict[str, str]:
    return dict(each.split("=", 1) for each in text.split("&")) if text else {}


def _format_span(span: timedelta | None) -> str | None:
    return None if span is None else str(format_span_ms(span))


def _parse_span(text: str | None) -> timedelta | None:
    return None if text is None else timedelta(milliseconds=int(text))


def _format_time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _parse_time(text: str | None) -> datetime | None:
    if text is None:
        return None
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time without an offset")
    return time


def _format_sources(sources: tuple[Source, ...] | None) -> str | None:
    return None if sources is None else "+".join(each.name for each in sources)


def _in_order(sources: tuple[Source, ...] | None) -> tuple[Source, ...] | None:
    return None if sources is None else tuple(each for each in Source if each in sources)


def _parse_sources(text: str | None) -> tuple[Source, ...] | None:
    return None if text is None else tuple(Source[name] for name in text.split("+"))
