"""The accounts of a gateway process: charging, and leasing of points in the background.

No request waits for the store while its client has points left here.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from access import gcra
from access.gcra import BucketLimits
from access.lease_store import LeaseStore
from access.plan import ANONYMOUS, Plan
from gateway.budgets.account import FIRST_PART, Account, BudgetState
from gateway.budgets.client_activity import MARK_S, ClientActivity
from gateway.budgets.idle_accounts import FORGET_S, AccountKey, IdleAccounts
from gateway.budgets.open_stream import OpenStream, StreamCost
from gateway.budgets.plan_usage import BUDGET, UNCONFIRMED, PlanUsage
from gateway.budgets.point_leaser import PointLeaser
from gateway.budgets.site_accounts import SiteAccounts
from gateway.budgets.stream_budgets import SWEEP_S, StreamBudgets
from rates.clock import Clock, utc_now
from rates.errors import (
    AccessDenied,
    AccessUnavailable,
    BudgetExhausted,
    CacheUnavailable,
    QueryTooExpensive,
)

MAX_ACCOUNTS = 20_000
# Before the id of a key in the name of its account; others are named by their addresses.
KEY_PREFIX = "key:"
# Between two steps of a sweep others have their turn.
SWEPT_AT_ONCE = 500
MAX_LEASING = 32
# Points of a request that is refused before its cost is known: it was parsed, or compared with the schema.
REJECTED_POINTS = 500
# A new document costs this part of what may be leased at once, at most.
DOCUMENT_PART = 10


class Accounts:
    """Finds accounts and charges them.

    `run` leases points in the background; without it, charges wait for the store more often.
    """

    def __init__(
        self,
        store: LeaseStore,
        plans: Mapping[str, Plan],
        *,
        grace_s: float,
        clock: Clock = utc_now,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plans = plans
        self._clock, self._now_s = clock, now_s
        self._accounts: dict[AccountKey, Account] = {}
        self._sites = SiteAccounts(plans[ANONYMOUS], now_s)
        # Those that hold leased points, and those of which less is known by the minute.
        self._active: set[Account] = set()
        self._streams = StreamBudgets(store, now_s)
        self._low: set[Account] = set()
        self._wake = asyncio.Event()
        self._leaser = PointLeaser(store, grace_s=grace_s, now_s=now_s)
        self.usage = {name: PlanUsage() for name in plans}
        """What was spent and denied, by plan."""
        self._idle = IdleAccounts(self._accounts, self._active, self.usage)
        self.activity = ClientActivity(self._accounts.values, clock)
        """Who uses this process most."""

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def __len__(self) -> int:
        return len(self._accounts)

    @property
    def is_store_away(self) -> bool:
        """Whether the store of the budgets did not answer the last time."""
        return self._leaser.is_store_away

    def of_address(self, address: str) -> Account:
        """Return the account of an address without a key.

        That of an IPv6 network belongs to the account of its site.
        """
        return self._accounts.get(address) or self._open(
            address, address, ANONYMOUS, self._sites.of_network(address)
        )

    def of_key(self, key_id: str, plan: str) -> Account:
        """Return the account of a key."""
        key = key_id, plan
        return self._accounts.get(key) or self._open(key, f"{KEY_PREFIX}{key_id}", plan)

    def charge_now(self, account: Account, points: int) -> bool:
        """Spend points that are leased already. Return whether there were enough."""
        left = account.left - points
        if left < account.low:
            self._note_low(account)
            if left < 0:
                return False
        account.left = left
        return True

    async def charge_document(self, account: Account, points: int) -> None:
        """Spend the points of a document before it is read, which nobody pays for otherwise.

        A small plan can pay for one, too: it is kept, and costs nothing more.

        Raises:
            BudgetExhausted, CacheUnavailable: as `charge` does.
        """
        if account.limits is not None:
            await self.charge(account, _limit_document(points, account.limits))

    def find_unaffordable(self, account: Account, document_points: int) -> BudgetExhausted | None:
        """Return the error of a client known to lack the points of a new document, and count it."""
        if account.limits is None:
            return None
        points = _limit_document(document_points, account.limits)
        if points <= account.left or not self.is_exhausted(account, points):
            return None
        return self.exhausted(account, points)

    async def charge(self, account: Account, points: int) -> None:
        """Spend points; lease them first if need be.

        Raises:
            BudgetExhausted: they are not available now.
            QueryTooExpensive: the plan never has so many.
            CacheUnavailable: the budget cannot be reached, and the grace is over.
        """
        account.used_s = self._now_s()
        if account.left >= points:
            self.charge_now(account, points)
            return
        limits = account.limits
        assert limits is not None
        if points > limits.capacity:
            raise QueryTooExpensive(points, limits.capacity)
        self._check_available(account, points)
        async with account.lock:
            if account.charge(points):
                return
            self._check_available(account, points)
            try:
                await self._lease(account, points)
            except BudgetExhausted:
                # Of its site, which counts for no plan.
                account.deny(BUDGET)
                raise
        if not account.charge(points):
            raise self.exhausted(account, points)

    def check(self, account: Account) -> None:
        """Refuse a client that has hardly a point left, before its request is read.

        Raises:
            BudgetExhausted: so it is.
        """
        error = self.find_exhausted(account)
        if error is not None:
            try:
                raise error
            finally:
                # Its traceback has this frame, which must not have it.
                del error

    def find_exhausted(self, account: Account) -> BudgetExhausted | None:
        """Return the error of a client that has hardly a point left, and count it."""
        if account.limits is None or self.is_store_away:
            return None
        # A point comes back within microseconds: every request would be read.
        points = min(REJECTED_POINTS, max(1, account.limits.capacity // FIRST_PART))
        if account.lacks(points, self._now_s()):
            return self.exhausted(account, points)
        site = account.site
        if site is not None and account.left < points and site.lacks(points, self._now_s()):
            account.deny(BUDGET)
            return self.exhausted(site, points)
        return None

    def is_exhausted(self, account: Account, points: int) -> bool:
        """Whether it is known already that so many points are not available."""
        return not self.is_store_away and account.retry_s(points, self._now_s()) > 0

    def exhausted(self, account: Account, points: int) -> BudgetExhausted:
        """Return the error of a client that has spent its budget, and count it."""
        now_s = self._now_s()
        state = account.state(now_s)
        account.deny(BUDGET)
        return BudgetExhausted(
            points,
            limit=state.limit or 0,
            # Another part of them may be leased in a moment.
            remaining=min(state.remaining or 0, points - 1),
            retry_ms=gcra.retry_ms(account.retry_s(points, now_s)),
            resets_at=self._clock() + timedelta(seconds=state.full_s),
            full_s=state.full_s,
        )

    def note_denied(self, error: AccessDenied | AccessUnavailable) -> None:
        """Count a request whose key does not count, or not for this."""
        plan, reason = (
            (error.plan, error.reason.lower()) if isinstance(error, AccessDenied) else (None, UNCONFIRMED)
        )
        self.usage[plan if plan in self.usage else ANONYMOUS].denied[reason] += 1

    def open_stream(self, account: Account, cost: StreamCost) -> OpenStream:
        """Open a subscription. It is throttled if the budget of streams is spent.

        Raises:
            PlanLimitReached: the plan allows no more subscriptions.
        """
        return self._streams.open(account, cost, self.usage[account.plan.name])

    def state(self, account: Account) -> BudgetState:
        """Return what is known of the budget of an account."""
        return account.state(self._now_s())

    def resets_at(self, account: Account) -> datetime:
        """Return when all points of an account are available again."""
        return self._clock().astimezone(UTC) + timedelta(seconds=account.state(self._now_s()).full_s)

    async def run(self) -> None:
        """Lease points before they are spent, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sweep())
            tasks.create_task(self._streams.run())
            tasks.create_task(self._mark())
            room = asyncio.Semaphore(MAX_LEASING)
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._low:
                    await room.acquire()
                    task = tasks.create_task(self._lease_in_background(self._low.pop()))
                    task.add_done_callback(lambda _: room.release())

    async def _lease_in_background(self, account: Account) -> None:
        try:
            if account.retry_s(1, self._now_s()) <= 0:
                async with account.lock:
                    await self._lease(account, 0)
        except (BudgetExhausted, CacheUnavailable):
            # Whoever finds nothing left hears of it.
            pass
        finally:
            account.is_leasing = False

    async def _lease(self, account: Account, least: int) -> None:
        """Lease points for an account, at least so many more than it has.

        Its site pays for them, too.

        Raises:
            BudgetExhausted: its site has none left.
            CacheUnavailable: the store has been away for longer than the grace.
        """
        missing = max(least - account.left, 1)
        site = account.site
        if site is None:
            account.add(*await self._leaser.take(account, missing), self._now_s())
        else:
            self._check_available(site, missing)
            lease, expires_s = await self._leaser.take(account, missing)
            if lease.points:
                await self.charge(site, lease.points)
            account.add(lease, expires_s, self._now_s())
        self._active.add(account)

    def _check_available(self, account: Account, points: int) -> None:
        """Raise `BudgetExhausted` if it is known already that so many points are not available."""
        if self.is_exhausted(account, points):
            raise self.exhausted(account, points)

    def _note_low(self, account: Account) -> None:
        if not account.is_leasing and account.limits is not None:
            account.is_leasing = True
            self._low.add(account)
            self._wake.set()

    def _open(self, key: AccountKey, name: str, plan_name: str, site: Account | None = None) -> Account:
        if len(self._accounts) >= MAX_ACCOUNTS:
            self._idle.forget_oldest()
        # A plan that the settings do not have any more.
        plan = self._plans.get(plan_name) or self._plans[ANONYMOUS]
        usage = self.usage[plan.name]
        account = self._accounts[key] = Account(key, name, plan, self._now_s(), usage=usage, site=site)
        return account

    async def _mark(self) -> None:
        while True:
            await asyncio.sleep(MARK_S)
            await self.activity.mark()

    async def _sweep(self) -> None:
        forget_at_s = self._now_s()
        while True:
            await asyncio.sleep(SWEEP_S)
            now_s = self._now_s()
            for number, account in enumerate(list(self._active)):
                if account.ends_soon(now_s + 2 * SWEEP_S):
                    self._note_low(account)
                is_held = account.expire(now_s)
                account.describe(now_s)
                if not is_held and account.is_full(now_s):
                    self._active.discard(account)
                if number % SWEPT_AT_ONCE == SWEPT_AT_ONCE - 1:
                    await asyncio.sleep(0)
            if now_s >= forget_at_s:
                forget_at_s = now_s + FORGET_S / 6
                self._idle.forget(now_s)


def _limit_document(points: int, limits: BucketLimits) -> int:
    """Return what a new document costs under a plan."""
    return min(points, limits.capacity // DOCUMENT_PART)
