"""Documents are paid for before they are read."""

from typing import Any

import pytest

from access.memory_lease_store import MemoryLeaseStore
from access.plan import ANONYMOUS, PlanLimits
from gateway.budgets.account_registry import DOCUMENT_PART, Accounts
from gateway.operations import Operations
from gateway.preparation import Preparer
from gateway.prepared_operation import OperationRejected, PreparedOperation
from gateway.request import GraphQLRequest
from gateway.schema.root_points import price_document

QUERY = "{ __typename }"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The documents that were read, in order."""
    texts: list[str] = []
    prepare = Preparer.prepare_resolved

    def noted(preparer: Preparer, request: GraphQLRequest, *found: Any, **known: Any) -> PreparedOperation:
        texts.append(request.query)
        return prepare(preparer, request, *found, **known)

    monkeypatch.setattr(Preparer, "prepare_resolved", noted)
    return texts


class Payer:
    """Someone who pays for documents, until the points are spent."""

    def __init__(self, points: int) -> None:
        self.points = points

    async def charge(self, points: int) -> None:
        if points > self.points:
            raise ValueError("spent")
        self.points -= points


async def test_a_document_that_nobody_can_pay_for_is_not_read(
    operations: Operations, read: list[str]
) -> None:
    """Reading it takes up to 30 ms, and would be repeated with each refused request."""
    payer = Payer(price_document(QUERY) - 1)
    for _ in range(3):
        with pytest.raises(ValueError, match="spent"):
            await operations.prepare_in_turn(GraphQLRequest(QUERY), None, payer.charge)
    assert read == []


@pytest.mark.parametrize("query", [QUERY, "{ nothing }"])
async def test_a_document_that_comes_again_is_free(
    operations: Operations, read: list[str], query: str
) -> None:
    """From the second time on it is kept, also one that is not valid."""
    payer = Payer(2 * price_document(query))
    for _ in range(4):
        try:
            await operations.prepare_in_turn(GraphQLRequest(query), None, payer.charge)
        except OperationRejected:
            assert query != QUERY
    assert payer.points == 0
    assert read


async def test_a_small_plan_can_pay_for_a_large_document() -> None:
    """A part of what may be leased at once is enough; an unlimited plan pays nothing."""
    plans = {ANONYMOUS: PlanLimits(points=1_000, window_s=600).named(ANONYMOUS)}
    accounts = Accounts(MemoryLeaseStore(), plans, grace_s=60)
    account = accounts.of_address("192.0.2.1")
    assert account.limits is not None
    for _ in range(DOCUMENT_PART - 1):
        await accounts.charge_document(account, 20_000)
    assert account.spent == (DOCUMENT_PART - 1) * (account.limits.capacity // DOCUMENT_PART)
    unlimited = Accounts(MemoryLeaseStore(), {ANONYMOUS: PlanLimits().named(ANONYMOUS)}, grace_s=60)
    await unlimited.charge_document(unlimited.of_address("192.0.2.1"), 20_000)
    assert unlimited.of_address("192.0.2.1").spent == 0
