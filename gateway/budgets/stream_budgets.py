"""The budgets of streams, shared with other gateways. Throttled streams are restored."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from itertools import islice

from access.lease_store import LeaseRequest, LeaseStore
from gateway.budgets.account import Account
from gateway.budgets.open_stream import OpenStream, StreamCost
from gateway.budgets.plan_usage import PlanUsage
from rates.errors import CacheUnavailable

# A store that needs longer counts as away.
LEASE_TIMEOUT_S = 1.0
SWEEP_S = 0.25
# Between two reports of what the streams of a client cost here, if that does not change; and while some wait for more.
REPORT_S, WAITING_REPORT_S = 5.0, 1.0
# The part of what is free that is given at once: other gateways may find the same.
GIVEN_PART = 0.25
# Streams of one client that are restored at once: each gets a snapshot.
MAX_RESTORED = 20


class StreamBudgets:
    """Opens the subscriptions of accounts, and restores throttled ones while `run` runs."""

    def __init__(self, store: LeaseStore, now_s: Callable[[], float]) -> None:
        self._store, self._now_s = store, now_s
        # Those with subscriptions, of which other gateways hear.
        self._streaming: set[Account] = set()

    def open(self, account: Account, cost: StreamCost, usage: PlanUsage) -> OpenStream:
        """Open a subscription. It is throttled if the budget of streams is spent.

        Raises:
            PlanLimitReached: the plan allows no more subscriptions.
        """
        stream = OpenStream(account, cost, usage)
        if account.plan.stream_points is not None:
            self._streaming.add(account)
        return stream

    async def run(self) -> None:
        """Share and restore, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            for account in list(self._streaming):
                await self._report(account)
                restore_streams(account)

    async def _report(self, account: Account) -> None:
        """Tell the store what the streams of a client cost here, and hear what they cost elsewhere."""
        now_s, points = self._now_s(), account.stream_points
        waits_s = WAITING_REPORT_S if account.throttled else REPORT_S
        if points == account.reported_points and now_s < account.reported_s + waits_s:
            return
        account.reported_points, account.reported_s = points, now_s
        if not points:
            self._streaming.discard(account)
        request = LeaseRequest(account.name, account.limits, wanted=0, least=0, stream_points=points)
        with suppress(CacheUnavailable, TimeoutError):
            async with asyncio.timeout(LEASE_TIMEOUT_S):
                account.note(await self._store.take(request), self._now_s())


def restore_streams(account: Account) -> None:
    """Restore throttled subscriptions, the oldest first, as far as the budget allows it now."""
    limit = account.plan.stream_points
    assert limit is not None
    free = limit - account.stream_points - account.other_stream_points
    given = 0
    for stream in list(islice(account.throttled, MAX_RESTORED)):
        points = stream.missing_points
        if points > free or (given and given + points > GIVEN_PART * (free + given)):
            return
        if stream.restore():
            free -= points
            given += points
