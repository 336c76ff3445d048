"""Charging of requests over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable

from graphql import GraphQLError

from gateway.budgets.account import Account
from gateway.budgets.account_registry import Accounts
from gateway.budgets.points_wait import retry_with_points
from gateway.budgets.rate_limit_fields import refusal_headers
from gateway.client_connections import RETRY_AFTER_S
from gateway.http.request_body import HttpError
from gateway.prepared_operation import OperationKind, OperationRejected, PreparedOperation, RejectionStage
from gateway.schema.errors import describe, to_public_error
from rates.errors import BudgetExhausted, CacheUnavailable, QueryTooExpensive

Operation = PreparedOperation | OperationRejected


async def charge(accounts: Accounts, account: Account, operation: Operation) -> Operation:
    """Charge an operation, and return it, or its rejection if the plan never has so many points.

    Raises:
        HttpError: 429, the budget is spent; 503, it cannot be reached.
    """
    try:
        await _charge(account, accounts.charge(account, operation.cost))
    except QueryTooExpensive as exc:
        return reject(exc, operation.kind)
    return operation


async def charge_document(accounts: Accounts, account: Account, points: int) -> None:
    """Charge a document before it is read.

    Raises:
        HttpError: as of `charge`.
    """
    await _charge(account, accounts.charge_document(account, points))


async def _charge(account: Account, charging: Awaitable[None]) -> None:
    try:
        await charging
    except BudgetExhausted as exc:
        raise await refuse_slowly(account, exc) from exc
    except CacheUnavailable as exc:
        raise HttpError(503, str(exc), {"retry-after": str(RETRY_AFTER_S)}) from exc


async def refuse_slowly(account: Account, error: BudgetExhausted) -> HttpError:
    """Return the response to a client whose budget is spent, when it may have it."""
    pause_s = account.refusals.take()
    await asyncio.sleep(pause_s)
    return budget_error(error.after(pause_s), account)


async def charge_result(
    accounts: Accounts, account: Account, operation: Operation, *, has_waited: bool
) -> Operation:
    """Charge an operation whose errors are results, because its stream is open already."""
    try:
        await charge_in_time(account, lambda: accounts.charge(account, operation.cost), has_waited=has_waited)
    except (BudgetExhausted, CacheUnavailable, QueryTooExpensive) as exc:
        return reject(exc, operation.kind)
    return operation


async def charge_in_time(
    account: Account, charge: Callable[[], Awaitable[None]], *, has_waited: bool
) -> None:
    """Charge, now or once there are points, if they come back soon.

    The client would take a refusal for the end of its operation. `has_waited`: it has waited for the slot of a refusal already.

    Raises:
        BudgetExhausted: they come back later; it is raised as slowly as a refusal with a status is sent.
        CacheUnavailable, QueryTooExpensive: as `charge` raises them.
    """
    try:
        try:
            await charge()
        except BudgetExhausted as exc:
            await retry_with_points(account, exc, charge)
    except BudgetExhausted as exc:
        if has_waited:
            raise
        pause_s = account.refusals.take()
        await asyncio.sleep(pause_s)
        raise exc.after(pause_s) from exc


def reject(
    error: BudgetExhausted | CacheUnavailable | QueryTooExpensive, kind: OperationKind | None
) -> OperationRejected:
    """Return the rejection of an operation that cannot be paid for."""
    public = to_public_error(GraphQLError(str(error), original_error=error))
    return OperationRejected(RejectionStage.COST, [public], kind)


def budget_error(error: BudgetExhausted, account: Account) -> HttpError:
    """Return the response to a client whose budget is spent."""
    return HttpError(429, str(error), refusal_headers(error, account.plan), extensions=describe(error))
