"""The figures of the cost model in the SDL, as directives for tools.

Type weights are points of an object or leaf, field weights those of a field besides. A field weight of a leaf replaces that of its type.
Link: https://ibm.github.io/graphql-specs/cost-spec.html
"""

import re
from typing import Any

import strawberry
from graphql import GraphQLEnumType, GraphQLObjectType, GraphQLScalarType, get_named_type, is_leaf_type
from graphql.type import is_introspection_type, is_specified_scalar_type
from strawberry.schema_directive import Location

from gateway.queries.candles.query import MAX_CANDLES
from gateway.queries.consensus.rates_query import MAX_CONSENSUS_SYMBOLS
from gateway.queries.conversion.conversions_query import MAX_CONVERSIONS
from gateway.schema.global_id import MAX_NODES
from gateway.schema.root_points import (
    CANDLE,
    CONSENSUS,
    CONVERT,
    FIND_NEAR,
    GAPS,
    HISTORY,
    SUBSCRIBE,
    SUMMARY,
    TAPE,
    TRADE,
)
from gateway.schema.root_size import FIXED
from gateway.schema.selection_weight import COMPUTED, EXECUTOR, LIGHT_LEAVES, MAX_LEGS, PAGES_INSIDE, ROOT
from gateway.state.instrument_pages import DEFAULT_PAGE
from gateway.subscriptions.candles_event import MAX_CANDLE_SYMBOLS
from history.trade_tape import TAPE_LENGTH
from rates.source import Source

_DIRECTIVE = re.compile(r" @(?:cost|listSize)\([^)]*\)")
_DEFINITION = re.compile(r'(?:"""[^"]*"""\n)?directive @(?:cost|listSize)\b.*\n\n')
DEFINITION = "strawberry-definition"
# Symbols that a list names at most by default.
MAX_SYMBOLS = 500


@strawberry.schema_directive(
    name="cost",
    locations=[
        *(Location.ARGUMENT_DEFINITION, Location.ENUM, Location.FIELD_DEFINITION),
        *(Location.INPUT_FIELD_DEFINITION, Location.OBJECT, Location.SCALAR),
    ],
    description="The points of an object or leaf of this type, or of this field.",
)
class CostDirective:
    """The weight of a type or field, a number."""

    weight: str


@strawberry.schema_directive(
    name="listSize",
    locations=[Location.FIELD_DEFINITION],
    description="The length of a list, or of the lists inside of it, by its arguments.",
)
class ListSizeDirective:
    """The length of a list. The arguments are those of the specification."""

    assumed_size: int | None = strawberry.UNSET
    slicing_arguments: list[str] | None = strawberry.UNSET
    sized_fields: list[str] | None = strawberry.UNSET
    require_one_slicing_argument: bool | None = True


def _sized(size: int, *fields: str, by: tuple[str, ...] = ()) -> ListSizeDirective:
    return ListSizeDirective(
        assumed_size=size,
        slicing_arguments=list(by) if by else strawberry.UNSET,
        sized_fields=list(fields) if fields else strawberry.UNSET,
        require_one_slicing_argument=False,
    )


_LISTED = ("items", "unavailable")
_PAGE = _sized(DEFAULT_PAGE, "edges", "nodes", by=("first", "last"))
LIST_SIZES = {
    ("Query", "rates"): _sized(MAX_SYMBOLS, *_LISTED),
    ("Query", "instruments"): _PAGE,
    ("Query", "consensusRates"): _sized(MAX_CONSENSUS_SYMBOLS, *_LISTED),
    ("Query", "conversions"): _sized(MAX_CONVERSIONS, *_LISTED),
    ("Query", "candles"): _sized(MAX_CANDLES, "items", by=("last",)),
    ("Query", "consensusCandles"): _sized(MAX_CANDLES, "items", by=("last",)),
    ("Query", "trades"): _sized(TAPE_LENGTH, by=("last",)),
    ("Query", "summaries"): _sized(MAX_SYMBOLS),
    ("Query", "nodes"): _sized(MAX_NODES),
    ("Query", "sources"): _sized(len(Source)),
    ("Subscription", "rates"): _sized(MAX_SYMBOLS, *_LISTED),
    ("Subscription", "consensusRates"): _sized(MAX_CONSENSUS_SYMBOLS, *_LISTED),
    ("Subscription", "conversions"): _sized(MAX_CONVERSIONS, *_LISTED),
    ("Subscription", "candles"): _sized(MAX_CANDLE_SYMBOLS, *_LISTED),
    ("Subscription", "sources"): _sized(len(Source)),
    ("CandleList", "gaps"): _sized(GAPS),
    ("ConsensusCandleList", "sources"): _sized(len(Source)),
    ("ConsensusRate", "contributions"): _sized(len(Source)),
    ("Conversion", "legs"): _sized(MAX_LEGS),
    ("Instrument", "rates"): _sized(len(Source)),
    **dict.fromkeys(PAGES_INSIDE, _PAGE),
}
"""The lengths of lists. Of `rates`, the most that may be named: it is as long as what is named, or tracked."""
ITEMS = {"Candle": CANDLE, "Trade": TRADE, "Summary": SUMMARY}
"""Points of an item besides those of its fields: it is read, decoded or folded."""
# Of root fields whose points depend on their arguments, those of one without any.
_ROOTS = {
    "conversion": CONVERT,
    "convert": CONVERT,
    "conversions": CONVERT,
    "consensusRates": ROOT + CONSENSUS,
    "candles": ROOT + HISTORY + FIND_NEAR,
    "consensusCandles": ROOT + FIND_NEAR,
    "summaries": ROOT + HISTORY,
    "trades": ROOT + FIND_NEAR + TAPE,
}


def annotate(schema: strawberry.Schema) -> None:
    """Attach the directives to the types and fields of a schema. Doing it twice changes nothing."""
    for kind in schema._schema.type_map.values():  # noqa: SLF001 - no public way
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        if isinstance(kind, GraphQLObjectType):
            is_root = kind.name in {"Query", "Subscription"}
            if not is_root:
                points = EXECUTOR.object + ITEMS.get(kind.name, 0)
                _attach(kind, CostDirective(weight=_format(points)))
            for name, field in kind.fields.items():
                if (besides := field_points(kind, name)) is not None:
                    _attach(field, CostDirective(weight=_format(besides)))
                if (size := LIST_SIZES.get((kind.name, name))) is not None:
                    _attach(field, size)
        elif isinstance(kind, GraphQLEnumType | GraphQLScalarType):
            _attach(kind, CostDirective(weight=_format(EXECUTOR.leaf)))


def remove_cost_directives(sdl: str) -> str:
    """Return a schema without the directives.

    Those of federation have the same names, and other arguments.
    """
    return _DIRECTIVE.sub("", _DEFINITION.sub("", sdl))


def field_points(kind: GraphQLObjectType, name: str) -> float | None:
    """Return the points of a field that its type does not give."""
    named = get_named_type(kind.fields[name].type)
    if kind.name in {"Query", "Subscription"}:
        points = FIXED[name].points if name in FIXED else _ROOTS.get(name, ROOT)
        return points + SUBSCRIBE if kind.name == "Subscription" else points
    if not is_leaf_type(named):
        return ROOT if (kind.name, name) in PAGES_INSIDE else COMPUTED.get((kind.name, name))
    light = LIGHT_LEAVES.get(kind.name)
    return light or (EXECUTOR.leaf if is_specified_scalar_type(named) else None)


def _attach(owner: Any, directive: object) -> None:
    definition = owner.extensions.get(DEFINITION)
    if definition is not None and not any(
        isinstance(each, type(directive)) for each in definition.directives
    ):
        definition.directives = [*definition.directives, directive]


def _format(points: float) -> str:
    return f"{points:g}"
