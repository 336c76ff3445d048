"""The fields `node` and `nodes`: objects by their globally unique ids."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, cast

import strawberry
from graphql.pyutils import AwaitableOrValue

from gateway.authentication import check_scopes
from gateway.queries.conversion.query import ConversionQuery
from gateway.schema.asset import AssetType, to_asset
from gateway.schema.candles import CandleType, note_candles
from gateway.schema.consensus import ConsensusRateType, answer_consensus
from gateway.schema.context import Info
from gateway.schema.conversion import ConversionType, answer_conversion, answer_past_conversion
from gateway.schema.field_scopes import HISTORY
from gateway.schema.global_id import (
    EXPECTED_ID,
    MAX_NODES,
    parse_candle_key,
    parse_consensus_key,
    parse_conversion_key,
    parse_global_id,
    parse_instrument_key,
    parse_source_key,
)
from gateway.schema.instruments import InstrumentType
from gateway.schema.node import Node
from gateway.schema.rates import RateType
from gateway.schema.source import SourceType, to_source
from gateway.schema.source_status import SourceStatusType
from rates.errors import (
    InvalidArgument,
    NoConversionPath,
    RatesError,
    RateUnavailable,
    UnknownAsset,
    UnknownSymbol,
)

Id = Annotated[strawberry.ID, strawberry.argument(description="The `id` of an object.")]
Ids = Annotated[
    list[strawberry.ID], strawberry.argument(description=f"The `id` of each object, 1 to {MAX_NODES}.")
]


def resolve_node(info: Info, id: Id) -> Node | None:  # noqa: A002 - its name in the API
    """Return the object with this id; `None` if there is none now.

    Raises:
        InvalidArgument: not an id.
    """
    info.context.rates.check_loaded()
    type_name, key = parse_global_id(id)
    fetch = FETCHERS.get(type_name)
    if fetch is None:
        raise InvalidArgument("id", id, EXPECTED_ID)
    try:
        found = fetch(info, key)
    except (UnknownSymbol, UnknownAsset, NoConversionPath, RateUnavailable):
        return None
    # The executor awaits what only the database knows.
    return cast("Node | None", found)


def resolve_nodes(info: Info, ids: Ids) -> list[Node | None] | None:
    """Return the objects with these ids, in their order.

    A text that is not an id has an error of its own.

    Raises:
        InvalidArgument: none, or too many.
    """
    if not 1 <= len(ids) <= MAX_NODES:
        raise InvalidArgument.of_length("ids", len(ids), f"1 to {MAX_NODES} values")
    info.context.rates.check_loaded()
    return [_node_or_error(info, each) for each in ids]


def _node_or_error(info: Info, global_id: strawberry.ID) -> Any:
    try:
        return resolve_node(info, global_id)
    except RatesError as error:
        # The executor reports it at this place of the list.
        return error


def _rate(info: Info, key: str) -> RateType | None:
    found = parse_instrument_key(key)
    if found is None or info.context.catalog.find(found) is None:
        return None
    rate = info.context.rates.rate(found.symbol, found.source)
    if rate is None:
        return None
    info.context.metadata.note_rates([rate])
    return RateType.of(rate)


def _instrument(info: Info, key: str) -> InstrumentType | None:
    wanted = parse_instrument_key(key)
    found = None if wanted is None else info.context.catalog.find(wanted)
    return None if found is None else InstrumentType.of(found)


def _source(_: Info, key: str) -> SourceType | None:
    source = parse_source_key(key)
    return None if source is None else to_source(source)


def _source_status(info: Info, key: str) -> SourceStatusType | None:
    source = parse_source_key(key)
    info.context.metadata.no_store = True
    return None if source is None else SourceStatusType.of(info.context.rates.source_status(source))


def _asset(info: Info, key: str) -> AssetType | None:
    asset = info.context.catalog.assets.find(key)
    return None if asset is None else to_asset(asset)


def _consensus_rate(info: Info, key: str) -> AwaitableOrValue[ConsensusRateType | None]:
    query = parse_consensus_key(key)
    if query.at is not None:
        check_scopes(info.context.metadata.principal, HISTORY)
    return answer_consensus(info, query)


def _conversion(info: Info, key: str) -> AwaitableOrValue[ConversionType | None]:
    query = parse_conversion_key(key)
    if query.at is not None:
        check_scopes(info.context.metadata.principal, HISTORY)
    return answer_conversion(info, query) if query.at is None else _past_conversion(info, query)


async def _past_conversion(info: Info, query: ConversionQuery) -> ConversionType | None:
    try:
        return await answer_past_conversion(info, query)
    except (UnknownAsset, NoConversionPath, RateUnavailable):
        return None


async def _candle(info: Info, key: str) -> CandleType | None:
    check_scopes(info.context.metadata.principal, HISTORY)
    query, opening = parse_candle_key(key)
    try:
        answer = await info.context.candles.read(query)
    except UnknownSymbol:
        return None
    note_candles(info.context.metadata, answer)
    found = [each for each in answer.items if each.candle.open_time == opening]
    return CandleType.of(found[0]) if found else None


FETCHERS: Mapping[str, Callable[[Info, str], Node | Awaitable[Node | None] | None]] = {
    "Rate": _rate,
    "Instrument": _instrument,
    "Source": _source,
    "SourceStatus": _source_status,
    "Asset": _asset,
    "ConsensusRate": _consensus_rate,
    "Conversion": _conversion,
    "Candle": _candle,
}
"""How to find the object of each type that implements `Node`."""
