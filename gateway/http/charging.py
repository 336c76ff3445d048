"""Charging of requests over HTTP."""

import asyncio

from graphql import GraphQLError

from gateway.budgets.account import Account
from gateway.budgets.account_registry import REFUSAL_PAUSE_S, Accounts
from gateway.budgets.points_wait import retry_with_points
from gateway.budgets.rate_limit_fields import refusal_headers
from gateway.client_connections import RETRY_AFTER_S
from gateway.http.request_body import HttpError
from gateway.preparation import OperationKind, OperationRejected, PreparedOperation, RejectionStage
from gateway.schema.errors import describe, to_public_error
from rates.errors import BudgetExhausted, CacheUnavailable, QueryTooExpensive

BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"

Operation = PreparedOperation | OperationRejected


async def charge(accounts: Accounts, account: Account, operation: Operation) -> Operation:
    """Charge an operation, and return it, or its rejection if the plan never has so many points.

    Raises:
        HttpError: 429, the budget is spent; 503, it cannot be reached.
    """
    try:
        await accounts.charge(account, operation.cost, operation.document_points)
    except BudgetExhausted as exc:
        raise budget_error(exc, account) from exc
    except CacheUnavailable as exc:
        raise HttpError(503, str(exc), {"retry-after": str(RETRY_AFTER_S)}) from exc
    except QueryTooExpensive as exc:
        return reject(exc, operation.kind)
    return operation


async def charge_result(accounts: Accounts, account: Account, operation: Operation) -> Operation:
    """Charge an operation whose errors are results, because its stream is open already.

    It waits for points that come back soon: the client would take the result for the end of its operation.
    """
    points, document_points = operation.cost, operation.document_points
    try:
        try:
            await accounts.charge(account, points, document_points)
        except BudgetExhausted as exc:
            await retry_with_points(account, exc, lambda: accounts.charge(account, points, document_points))
    except (BudgetExhausted, CacheUnavailable, QueryTooExpensive) as exc:
        if isinstance(exc, BudgetExhausted):
            # As of those that get a status.
            await asyncio.sleep(REFUSAL_PAUSE_S)
        return reject(exc, operation.kind)
    return operation


def reject(
    error: BudgetExhausted | CacheUnavailable | QueryTooExpensive, kind: OperationKind | None
) -> OperationRejected:
    """Return the rejection of an operation that cannot be paid for."""
    public = to_public_error(GraphQLError(str(error), original_error=error))
    return OperationRejected(RejectionStage.COST, [public], kind)


def budget_error(error: BudgetExhausted, account: Account) -> HttpError:
    """Return the response to a client whose budget is spent."""
    return HttpError(429, str(error), refusal_headers(error, account.plan), extensions=describe(error))
