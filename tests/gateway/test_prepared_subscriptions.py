"""Subscriptions that come again are prepared once; none is taken for another."""

from contextlib import suppress
from typing import Any

import pytest

from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.preparation import Preparer
from gateway.prepared_operation import OperationRejected, PreparedOperation
from gateway.request import GraphQLRequest

DOCUMENT = (
    "subscription A($symbols: [Symbol!], $ms: Int, $bps: Float) "
    "{ rates(symbols: $symbols, sampleIntervalMs: $ms, minChangeBps: $bps) { kind items { price } } } "
    "subscription B($symbols: [Symbol!], $ms: Int, $bps: Float) "
    "{ rates(symbols: $symbols, sampleIntervalMs: $ms, minChangeBps: $bps) { cursor } }"
)
GIVEN: dict[str, Any] = {"symbols": ["BTC/USDT"], "ms": 1, "bps": 1}


def ask(name: str | None = "A", document: str = DOCUMENT, **variables: object) -> GraphQLRequest:
    return GraphQLRequest(document, {**GIVEN, **variables}, name)


class Counted:
    """Operations, and how often they prepared one."""

    def __init__(self, operations: Operations, monkeypatch: pytest.MonkeyPatch) -> None:
        self._operations, self.count = operations, 0
        prepare = Preparer.prepare_resolved

        def counted(
            preparer: Preparer, request: GraphQLRequest, *found: Any, **known: Any
        ) -> PreparedOperation:
            self.count += 1
            return prepare(preparer, request, *found, **known)

        monkeypatch.setattr(Preparer, "prepare_resolved", counted)

    async def prepare(self, request: GraphQLRequest) -> PreparedOperation:
        return await self._operations.prepare_in_turn(request)

    async def is_kept(self, request: GraphQLRequest) -> bool:
        """Whether a request that came twice is not prepared a third time."""
        for _ in range(2):
            await self.prepare(request)
        before = self.count
        await self.prepare(request)
        return self.count == before


@pytest.fixture
def counted(operations: Operations, monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(operations, monkeypatch)


async def test_the_third_of_equal_subscriptions_is_not_prepared(counted: Counted) -> None:
    """It is the same as one that was prepared for itself."""
    first = await counted.prepare(ask())
    await counted.prepare(ask())
    third = await counted.prepare(ask())
    assert counted.count == 2
    assert third.subscription == first.subscription
    assert (third.cost, third.stream, third.scopes) == (first.cost, first.stream, first.scopes)


@pytest.mark.parametrize(
    "other",
    [
        ask("B"),
        ask(symbols=["ETH/USDT"]),
        ask(symbols=None),
        ask(ms=2),
        ask(bps=1.5),
        ask(document=DOCUMENT + " "),
    ],
    ids=["operation", "symbols", "all symbols", "interval", "change", "document"],
)
async def test_what_differs_is_prepared_for_itself(counted: Counted, other: GraphQLRequest) -> None:
    """With its own plan and cost."""
    assert await counted.is_kept(ask())
    before = counted.count
    found = await counted.prepare(other)
    assert counted.count == before + 1
    fresh = await counted.prepare(other)
    assert (found.subscription, found.cost) == (fresh.subscription, fresh.cost)


async def test_equal_numbers_of_other_types_are_not_taken_for_each_other(counted: Counted) -> None:
    """`true` equals 1 in Python, but is no Int."""
    assert await counted.is_kept(ask(ms=1))
    with pytest.raises(OperationRejected, match="the variables do not fit"):
        await counted.prepare(ask(ms=True))


async def test_new_instruments_are_a_new_cost(counted: Counted, gateway: Gateway) -> None:
    """A list of all costs more with more of them."""
    everything = ask(symbols=None)
    assert await counted.is_kept(everything)
    gateway.catalog.revision += 1
    before = counted.count
    await counted.prepare(everything)
    assert counted.count == before + 1


@pytest.mark.parametrize(
    "request_",
    [
        ask("Q", "query Q($symbols: [Symbol!]) { rates(symbols: $symbols) { cursor } }"),
        ask(symbols=[f"A{number}/USD" for number in range(2_000)]),
        ask(ms=10**30),
    ],
    ids=["a query", "long", "a number beyond 64 bits"],
)
async def test_other_requests_are_not_kept(counted: Counted, request_: GraphQLRequest) -> None:
    """Queries have a cache of their own."""
    before = counted.count
    for number in range(1, 4):
        with suppress(OperationRejected):
            await counted.prepare(request_)
        assert counted.count == before + number
