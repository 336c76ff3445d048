"""The schema as a subgraph of Apollo Federation 2.

Objects with an `id` are entities. Their directives are only in the SDL that routers read: the executor needs none.
"""

import re
import reprlib
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, NewType

import strawberry
from graphql import GraphQLError, ValueNode, value_from_ast_untyped
from strawberry.schema.config import StrawberryConfig

from gateway.schema.asset import AssetType, to_asset
from gateway.schema.build import build_schema
from gateway.schema.candles import CandleType
from gateway.schema.consensus import ConsensusRateType
from gateway.schema.context import Info
from gateway.schema.conversion import ConversionType
from gateway.schema.cost_directives import remove_cost_directives
from gateway.schema.field import described
from gateway.schema.global_id import MAX_ENTITIES
from gateway.schema.instruments import InstrumentType
from gateway.schema.node import Node
from gateway.schema.query import Query
from gateway.schema.rates import RateType
from gateway.schema.refetch import resolve_node
from gateway.schema.scalars import SCALARS
from gateway.schema.source import SourceType
from gateway.schema.source_status import SourceStatusType
from gateway.schema.subscription import Subscription
from rates.errors import InvalidArgument, RatesError

LINK = (
    'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])\n\n'
)
EXPECTED_ENTITY = (
    "an entity of this subgraph with its key, such as {__typename: Rate, id: Rate:BINANCE:BTC/USDT}"
)
# Types that subgraphs have in common by the specification of connections.
SHARED = ("PageInfo",)
_ENTITY_LINE = re.compile(r"^type (\w+) implements Node \{$", re.MULTILINE)

Representation = NewType("Representation", dict[str, Any])


def print_subgraph_sdl() -> str:
    """Return the SDL of the schema with the directives of federation."""
    sdl = _ENTITY_LINE.sub(_add_keys, remove_cost_directives(build_schema().as_str()))
    for name in SHARED:
        sdl = sdl.replace(f"\ntype {name} {{", f"\ntype {name} @shareable {{")
    return f"{LINK}{sdl}\n"


def _add_keys(line: re.Match[str]) -> str:
    keys = "".join(f' @key(fields: "{key}")' for key in list_keys(line[1]))
    return f"type {line[1]} implements Node{keys} {{"


def list_keys(type_name: str) -> tuple[str, ...]:
    """Return the fields that each identify an object of the type."""
    return ("id", "code") if type_name == "Asset" else ("id",)


def read_representation(value: object) -> Representation:
    """Parse a representation.

    Raises:
        InvalidArgument: not an object with `__typename`.
    """
    if not isinstance(value, dict) or not isinstance(value.get("__typename"), str):
        raise _malformed(value)
    return Representation(value)


def _malformed(value: object) -> InvalidArgument:
    """Return the error of a representation, with its beginning.

    It may be long, and there may be many.
    """
    return InvalidArgument("representations", reprlib.repr(value), EXPECTED_ENTITY)


def _read_literal(node: ValueNode, variables: Mapping[str, Any] | None = None) -> Representation:
    return read_representation(value_from_ast_untyped(node, dict(variables or {})))


def _output_only(value: object) -> object:
    raise GraphQLError(f"{value!r}: this scalar is for arguments only")


ANY = strawberry.scalar(
    name="_Any",
    description="A representation of an entity: its `__typename` and the fields of one of its keys.",
    serialize=_output_only,
    parse_value=read_representation,
    parse_literal=_read_literal,
)
Entity = Annotated[
    RateType
    | InstrumentType
    | AssetType
    | SourceType
    | SourceStatusType
    | ConsensusRateType
    | ConversionType
    | CandleType,
    strawberry.union("_Entity", description="An object that other subgraphs can refer to."),
]
Representations = Annotated[
    list[Representation],
    strawberry.argument(description=f"The entities, 1 to {MAX_ENTITIES}, each with one of its keys."),
]


@strawberry.type(name="_Service", description="This subgraph.")
class ServiceType:
    sdl: str = described("The schema of this subgraph, with the directives of federation.")


def make_service_resolver(sdl: str) -> Any:
    """Return the resolver of `_service`."""

    def resolve() -> ServiceType:
        return ServiceType(sdl=sdl)

    return resolve


def resolve_entities(info: Info, representations: Representations) -> list[Entity | None]:
    """Return the entities in their order, `None` where there is none now.

    All are read from memory in this one call. A representation that names no entity has an error of its own.

    Raises:
        InvalidArgument: none, or too many.
    """
    if not 1 <= len(representations) <= MAX_ENTITIES:
        raise InvalidArgument.of_length(
            "representations", len(representations), f"1 to {MAX_ENTITIES} values"
        )
    info.context.rates.check_loaded()
    return [_find_or_error(info, each) for each in representations]


def _find_or_error(info: Info, representation: Representation) -> Any:
    try:
        return find_entity(info, representation)
    except RatesError as error:
        # The executor reports it at this place of the list.
        return error


def find_entity(info: Info, representation: Representation) -> Node | None:
    """Return the object of a representation; `None` if there is none now.

    Raises:
        InvalidArgument: not an entity, or without a key.
    """
    type_name = representation["__typename"]
    if type_name == "Asset" and "id" not in representation:
        code = representation.get("code")
        found = info.context.catalog.assets.owner(code) if isinstance(code, str) else None
        return None if found is None else to_asset(found)
    global_id = representation.get("id")
    if not isinstance(global_id, str) or not global_id.startswith(f"{type_name}:"):
        raise _malformed(dict(representation))
    return resolve_node(info, strawberry.ID(global_id))


def _make_query(sdl: str) -> type:
    @strawberry.type(name="Query", description="The queries, and what routers ask a subgraph for.")
    class SubgraphQuery(Query):
        service: ServiceType = strawberry.field(
            name="_service", resolver=make_service_resolver(sdl), description="This subgraph."
        )
        entities: list[Entity | None] = strawberry.field(
            name="_entities",
            resolver=resolve_entities,
            description="The entities of these representations, in their order; null if there is none at present.",
        )

    return SubgraphQuery


@cache
def build_subgraph_schema() -> strawberry.Schema:
    """Build the schema that a router composes with those of other subgraphs; a process has one."""
    return strawberry.Schema(
        query=_make_query(print_subgraph_sdl()),
        subscription=Subscription,
        config=StrawberryConfig(scalar_map={**SCALARS, Representation: ANY}),
    )
