"""Budgets within one process, with the same contract as those in Redis."""

import time
from collections.abc import Callable

from access.gcra import take
from access.lease_store import Lease, LeaseRequest

# Budgets that are full again need not be kept; looked for when so many are held.
MAX_BUDGETS = 10_000


class MemoryLeaseStore:
    """A `LeaseStore` for the only gateway."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._arrivals: dict[str, float] = {}

    async def take(self, request: LeaseRequest) -> Lease:
        limits = request.limits
        if limits is None:
            return Lease(0, 0, 0.0, 0, 1)
        now_s = self._now_s()
        if len(self._arrivals) >= MAX_BUDGETS:
            self._arrivals = {name: each for name, each in self._arrivals.items() if each > now_s}
        grant = take(
            self._arrivals.get(request.account, now_s),
            now_s,
            request.wanted,
            request.least,
            limits,
            debt=request.debt,
        )
        self._arrivals[request.account] = grant.arrival_s
        return Lease(grant.points, grant.available, grant.retry_s, 0, 1)
