"""`budget` and `cost`: what is left, and what an operation would cost."""

import json
from typing import Any

import pytest

from access.memory_lease_store import MemoryLeaseStore
from access.plan import SHIPPED_PLANS
from cache.memory import MemoryCache
from gateway.budgets.account_registry import Accounts
from gateway.operations import Operations
from gateway.prepared_operation import OperationRejected
from gateway.request import GraphQLRequest
from gateway.settings import GatewaySettings
from tests.gateway.fakes import build_ticker
from tests.gateway.fixture_types import Execute, Serving

COST = """query($document: String!, $variables: JSON, $name: String) {
  cost(document: $document, variables: $variables, operationName: $name) { points limit pointsPerSecond }
}"""
LISTS = """query Lists($symbols: [Symbol!]) { rates(symbols: $symbols) { items { symbol price } } }
subscription Live($symbols: [Symbol!], $every: Int = 0) {
  rates(symbols: $symbols, sampleIntervalMs: $every) { kind items { symbol price } }
}"""


async def price(execute: Execute, document: str, name: str | None = None, **variables: object) -> Any:
    """The price of an operation, or its error."""
    answer = await execute(COST, document=document, variables=variables, name=name)
    return answer.errors[0] if answer.errors else answer.data["cost"]


async def test_a_price_is_what_the_operation_costs(execute: Execute, operations: Operations) -> None:
    """With its variables, and without executing it."""
    variables = {"symbols": ["BTC/USDT", "ETH/USDT"]}
    prepared = operations.prepare(GraphQLRequest(LISTS, variables, "Lists"))
    found = await price(execute, LISTS, "Lists", **variables)
    assert found == {"points": prepared.cost, "limit": 30_000, "pointsPerSecond": None}
    (one, two) = [
        await price(execute, LISTS, "Lists", symbols=each) for each in (["BTC/USDT"], ["BTC/USDT"] * 2)
    ]
    assert one == two
    assert one["points"] < found["points"]


async def test_a_subscription_costs_points_a_second_and_fewer_with_an_interval(execute: Execute) -> None:
    """Fields times events, up to ten a second."""
    symbols = ["BTC/USDT"]
    live = await price(execute, LISTS, "Live", symbols=symbols)
    # Two rates of two fields, the kind, and ten events: half a point each time.
    assert live["pointsPerSecond"] == 5
    assert (await price(execute, LISTS, "Live", symbols=symbols, every=1_000))["pointsPerSecond"] == 1
    assert (await price(execute, LISTS, "Live", symbols=symbols, every=100))["pointsPerSecond"] == 5


async def test_an_operation_beyond_the_limit_still_has_a_price(execute: Execute) -> None:
    """To see by how much it is beyond it."""
    many = " ".join(
        f"i{n}: instruments(first: 200) {{ nodes {{ id symbol name status }} }}" for n in range(40)
    )
    found = await price(execute, f"{{ {many} }}")
    assert found["points"] > found["limit"]


@pytest.mark.parametrize(
    ("document", "code"),
    [("{", "GRAPHQL_PARSE_FAILED"), ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"), (LISTS, "BAD_USER_INPUT")],
)
async def test_a_price_has_the_errors_of_the_operation(execute: Execute, document: str, code: str) -> None:
    """An operation that would not be executed has none."""
    error = await price(execute, document)
    assert error.extensions["code"] == code


async def test_pricing_a_long_document_has_its_price(operations: Operations) -> None:
    """It is parsed and compared with the schema."""

    def cost_of(document: str) -> int:
        return operations.prepare(GraphQLRequest(COST, {"document": document})).cost

    assert cost_of("{ __typename }") < 1_500
    assert cost_of("x" * 2_000) > 20_000


@pytest.mark.servers
async def test_the_budget_of_a_client_is_told(
    serving: Serving, cache: MemoryCache, settings: GatewaySettings
) -> None:
    """It shrinks by what is spent, and is never kept by caches."""
    await cache.write([build_ticker()])
    query = "{ budget { plan limit windowSeconds remaining resetsAt streams { limit used throttled } } }"
    accounts = Accounts(MemoryLeaseStore(), SHIPPED_PLANS, grace_s=60)
    async with serving(cache, settings, accounts) as served, served.client() as client:
        answers = [await client.get("/graphql", params={"query": query}) for _ in range(3)]
    assert all(answer.headers["cache-control"] == "no-store" for answer in answers)
    budgets = [json.loads(answer.content)["data"]["budget"] for answer in answers]
    assert budgets[0]["plan"] == "anonymous"
    assert budgets[0]["limit"] == 12_000_000
    assert budgets[0]["windowSeconds"] == 60
    assert budgets[0]["streams"] == {"limit": 2_000_000, "used": 0, "throttled": 0}
    assert budgets[0]["remaining"] <= 12_000_000


def test_introspection_can_be_switched_off(operations: Operations) -> None:
    """Also behind aliases and fragments; `__typename` is no description."""
    operations._preparer._introspection = False
    for document in ("{ __schema { types { name } } }", '{ a: __type(name: "Rate") { name } b: __typename }'):
        with pytest.raises(OperationRejected) as caught:
            operations.prepare(GraphQLRequest(document))
        assert caught.value.errors[0]["extensions"]["code"] == "INTROSPECTION_DISABLED"
    operations.prepare(GraphQLRequest("{ __typename }"))
