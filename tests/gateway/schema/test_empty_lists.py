"""Empty lists as arguments: refused everywhere, by queries and subscriptions alike."""

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_nullable_type,
    is_required_argument,
)

from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.prepared_operation import OperationRejected
from gateway.request import GraphQLRequest
from gateway.schema.build import build_schema
from gateway.schema.context import Context
from gateway.settings import GatewaySettings
from tests.gateway.fixture_types import Execute

SCHEMA = build_schema()._schema
# Values of required arguments.
REQUIRED = {
    "symbol": '"BTC/USDT"',
    "symbols": '["BTC/USDT"]',
    "amount": "1",
    "interval": "M1",
    "from": '"BTC"',
    "to": '"USDT"',
    "input": '[{ amount: 1, from: "BTC", to: "USDT" }]',
}


def is_list(argument: GraphQLArgument) -> bool:
    return isinstance(get_nullable_type(argument.type), GraphQLList)


def call(name: str, field: GraphQLField, empty: str) -> str:
    """A call of a field with an empty list, and its required arguments."""
    given = {
        each: REQUIRED[each]
        for each, argument in field.args.items()
        if each != empty and is_required_argument(argument)
    }
    return f"{name}({', '.join(f'{each}: {value}' for each, value in {**given, empty: '[]'}.items())}) {{ __typename }}"


def list_calls(kind: GraphQLObjectType | None) -> list[tuple[str, str, bool]]:
    """Calls with an empty list: argument, field, and whether the argument is optional."""
    assert kind is not None
    return [
        (argument_name, call(name, field, argument_name), not isinstance(argument.type, GraphQLNonNull))
        for name, field in kind.fields.items()
        for argument_name, argument in field.args.items()
        if is_list(argument)
    ]


QUERIES, SUBSCRIPTIONS = list_calls(SCHEMA.query_type), list_calls(SCHEMA.subscription_type)


def check(error: dict[str, object], argument: str, *, is_optional: bool) -> None:
    extensions = error["extensions"]
    assert isinstance(extensions, dict)
    assert (extensions["code"], extensions["argument"]) == ("BAD_USER_INPUT", argument)
    message = str(error["message"])
    assert message.startswith(f"{argument} is an empty list: expected ")
    assert message.endswith("; leave it out for all") is is_optional


@pytest.mark.parametrize(("argument", "field", "is_optional"), QUERIES, ids=[each[1] for each in QUERIES])
async def test_a_query_refuses_an_empty_list(
    execute: Execute, argument: str, field: str, is_optional: bool
) -> None:
    """Its other fields are answered."""
    result = await execute(f"{{ empty: {field} __typename }}")
    assert result.data == {"empty": None, "__typename": "Query"}
    (error,) = result.errors
    check({"extensions": error.extensions, "message": error.message}, argument, is_optional=is_optional)


@pytest.mark.parametrize("fast_path", [True, False])
@pytest.mark.parametrize(
    ("argument", "field", "is_optional"), SUBSCRIPTIONS, ids=[each[1] for each in SUBSCRIPTIONS]
)
async def test_a_subscription_refuses_an_empty_list_at_once(
    gateway: Gateway, settings: GatewaySettings, argument: str, field: str, is_optional: bool, fast_path: bool
) -> None:
    """With or without the fast path."""
    operations = Operations(
        build_schema(), Context.of(gateway), settings.model_copy(update={"fast_path": fast_path})
    )
    with pytest.raises(OperationRejected) as refused:
        await operations.iterate(operations.prepare(GraphQLRequest(f"subscription {{ {field} }}")))
    (error,) = refused.value.errors
    check(error, argument, is_optional=is_optional)


def test_every_field_with_lists_is_tried() -> None:
    """Those of today are found; a new one needs no entry here."""
    assert {each.partition("(")[0] for _, each, _ in QUERIES} >= {
        "rates",
        "nodes",
        "consensusRate",
        "conversions",
    }
    assert {each.partition("(")[0] for _, each, _ in SUBSCRIPTIONS} >= {
        "rates",
        "consensusRates",
        "conversion",
    }


def test_no_list_hides_in_an_input_object_or_inside_an_object() -> None:
    """Those would need the same rule."""
    for name, kind in SCHEMA.type_map.items():
        if isinstance(kind, GraphQLInputObjectType):
            assert not any(
                isinstance(get_nullable_type(each.type), GraphQLList) for each in kind.fields.values()
            )
        if (
            isinstance(kind, GraphQLObjectType)
            and not name.startswith("__")
            and name not in {"Query", "Subscription"}
        ):
            assert not any(is_list(each) for field in kind.fields.values() for each in field.args.values())
