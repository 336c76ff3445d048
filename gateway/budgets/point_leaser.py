"""Leases of points from the store that gateways share, and what is leased while it is away.

While the store is away, a client spends a part of its plan for a while; after that it gets nothing, never points without a limit.
"""

import asyncio
from collections.abc import Callable
from math import inf

import structlog

from access import gcra
from access.lease_store import Lease, LeaseRequest, LeaseStore
from gateway.budgets.account import Account
from gateway.budgets.stream_budgets import LEASE_TIMEOUT_S, SWEEP_S
from rates.errors import CacheUnavailable

# While the store is away, one request asks it again after so long. The others do not wait for it.
AWAY_RETRY_S = 1.0
# The part of a plan that one gateway allows while the store is away: four gateways allow the whole of it.
OUTAGE_PART = 0.25

log = structlog.get_logger("ratewire.gateway.budgets")


class PointLeaser:
    """Leases points for accounts; `grace_s` is how long the store may be away."""

    def __init__(self, store: LeaseStore, *, grace_s: float, now_s: Callable[[], float]) -> None:
        self._store = store
        self._grace_s = grace_s
        self._now_s = now_s
        self._answered_s = now_s()
        self.is_store_away = False
        """Whether the store did not answer the last time."""
        self._away_since_s = self._ask_again_s = -inf
        self._away_cause: Exception | None = None

    async def take(self, account: Account, missing: int) -> tuple[Lease, float]:
        """Return points leased for an account, and when they may be spent no more.

        At least `missing` are asked for, more by the demand.

        Raises:
            CacheUnavailable: the store has been away for longer than the grace.
        """
        limits = account.limits
        assert limits is not None
        began_s = self._now_s()
        account.used_s = began_s
        if self.is_store_away and began_s < self._ask_again_s:
            return self._lease_alone(account, missing)
        self._ask_again_s = began_s + LEASE_TIMEOUT_S
        debt = account.debt
        request = LeaseRequest(
            account.name,
            limits,
            wanted=account.wanted(missing, began_s),
            least=missing,
            stream_points=account.stream_points,
            debt=debt,
        )
        try:
            async with asyncio.timeout(LEASE_TIMEOUT_S):
                lease = await self._store.take(request)
        except (CacheUnavailable, TimeoutError) as exc:
            self._note_away(exc)
            return self._lease_alone(account, missing)
        account.debt -= debt
        self._answered_s = began_s
        if self.is_store_away:
            self.is_store_away = False
            log.info("budgets shared again")
        # The sweep may come late by its interval.
        return lease, began_s + limits.lease_s - 2 * SWEEP_S

    def _note_away(self, cause: Exception) -> None:
        self._away_cause, self._ask_again_s = cause, self._now_s() + AWAY_RETRY_S
        if not self.is_store_away:
            self.is_store_away, self._away_since_s = True, self._now_s()
            log.warning("budgets not shared", error=str(cause) or type(cause).__name__, grace_s=self._grace_s)

    def _lease_alone(self, account: Account, least: int) -> tuple[Lease, float]:
        """Return a part of the plan without the store, from the time of its last answer on.

        Raises:
            CacheUnavailable: the store has been away for longer than the grace.
        """
        now_s = self._now_s()
        # Not from the last answer on: a quiet gateway may have asked nothing for hours.
        if now_s - self._away_since_s > self._grace_s:
            raise CacheUnavailable(
                f"the budgets cannot be reached for {self._grace_s:g} s: try again later"
            ) from self._away_cause
        assert account.limits is not None
        limits = account.limits.reduced(OUTAGE_PART)
        empty_s = self._answered_s + limits.capacity * limits.point_s
        arrival_s = max(account.outage_arrival_s, empty_s)
        grant = gcra.take(arrival_s, now_s, least, least, limits)
        account.outage_arrival_s = grant.arrival_s
        account.debt += grant.points
        lease = Lease(grant.points, 0, grant.retry_s, account.other_stream_points, 1)
        return lease, now_s + limits.lease_s
