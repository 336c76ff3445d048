"""The budget of one client on this gateway.

It consists of leased points, and of what is known of the shared budget.
"""

import asyncio
from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

from access.gcra import BucketLimits
from access.lease_store import Lease
from access.plan import Plan
from gateway.budgets.plan_usage import PlanUsage
from gateway.budgets.rate_limit_fields import NAME, format_rate_limit, rate_limit
from gateway.budgets.refusal_pace import RefusalPace

if TYPE_CHECKING:
    from gateway.budgets.open_stream import OpenStream

# More than can be spent.
UNLIMITED = 1 << 62
# Leased points last for so long at the present demand, and a lease is refilled when half of them are spent.
AHEAD_S = 4.0
# A client that asked for one thing will ask for others like it.
LIKE_REQUESTS = 8
# The smallest lease is this part of the budget: a busy client asks less often.
FIRST_PART = 200
# Between two requests to the store that leased too little. A client at its limit would ask for each operation otherwise, at half a
# millisecond each.
MIN_RETRY_S = 0.1
# Beyond this time demand counts as new.
DEMAND_S = 30.0


class BudgetState(NamedTuple):
    """The budget as a client hears of it: `None` stands for no limit."""

    limit: int | None
    remaining: int | None
    full_s: float
    """Seconds until all points are available again."""


class UsageMark(NamedTuple):
    """The use of an account up to a time."""

    spent: int = 0
    refused: int = 0


_UNUSED = UsageMark(), UsageMark()


class _Held(NamedTuple):
    """Leased points, as the sum of all up to their end, and when they may be spent no more."""

    end: int
    expires_s: float


class Account:
    """A key, or an address without a key. Created by `Accounts`.

    Charging is an integer subtraction: `left` is checked first, and `low` tells when to lease more.
    """

    def __init__(
        self,
        key: str | tuple[str, str],
        name: str,
        plan: Plan,
        now_s: float,
        *,
        usage: PlanUsage | None = None,
        site: "Account | None" = None,
    ) -> None:
        self.key, self.name, self.plan = key, name, plan
        self.site = site
        """The account of the site (/48) of an IPv6 network: what its networks lease is charged to it, too."""
        self._usage = usage or PlanUsage()
        self.limits = BucketLimits.of(plan)
        self.left = UNLIMITED if self.limits is None else 0
        """Points that may be spent now."""
        self.low = -1 if self.limits is None else 0
        """Below this, more are leased."""
        self.is_leasing = False
        """Whether a lease has been asked for in the background."""
        self.lock = asyncio.Lock()
        """Held while points are leased."""
        self.waiting = asyncio.Lock()
        """Held by the first operation that waits until there are points for it."""
        self.used_s = now_s
        self.open: Counter[str] = Counter()
        """What it holds open, by the name of the limit."""
        self.stream_points = 0
        """Points a second of its streams here."""
        self.other_stream_points = 0
        self.throttled: dict[OpenStream, None] = {}
        """Its subscriptions that are throttled, the oldest first."""
        self.reported_points, self.reported_s = 0, now_s
        self.fields = b""
        """The lines of header fields for its responses."""
        self.headers: dict[str, str] = {}
        """The same by name."""
        self.outage_arrival_s = -1.0
        self.debt = 0
        """Points that were spent while the store was away, and that it does not know of."""
        self.refused = 0
        """Operations, sockets and subscriptions that its budget or plan refused."""
        self.refusals = RefusalPace()
        """How slowly it gets its refusals, on all its connections together."""
        self.marks = _UNUSED
        """Its use up to the last mark but one, and up to the last."""
        self.swept_spent = 0
        self._leased = self.left
        self._held: deque[_Held] = deque()
        self._expired = 0
        self._available, self._seen_s = (0 if self.limits is None else self.limits.capacity), now_s
        self._leased_at_s, self._spent_before = now_s, 0
        self._retry_s = now_s

    @property
    def spent(self) -> int:
        """All points that it has spent here."""
        return self._leased - self._expired - self.left

    @property
    def is_idle(self) -> bool:
        """Whether it holds nothing open."""
        return not self.open.total()

    def charge(self, points: int) -> bool:
        """Spend points. Return whether they were left. The caller looks at `low`."""
        left = self.left - points
        if left < 0:
            return False
        self.left = left
        return True

    def deny(self, reason: str) -> None:
        """Count an operation, a socket or a subscription that its budget or plan does not allow."""
        self.refused += 1
        self._usage.denied[reason] += 1

    def wanted(self, least: int, now_s: float) -> int:
        """Return the points to lease, by the demand since the last lease."""
        assert self.limits is not None
        elapsed_s = min(max(now_s - self._leased_at_s, 1.0), DEMAND_S)
        demand = (self.spent - self._spent_before + least) / elapsed_s
        ahead_s = min(AHEAD_S, self.limits.lease_s / 2)
        return max(
            LIKE_REQUESTS * least,
            round(demand * ahead_s) - self._lasting(now_s + ahead_s),
            self.limits.capacity // FIRST_PART,
        )

    def add(self, lease: Lease, expires_s: float, now_s: float) -> None:
        """Add leased points."""
        self.note(lease, now_s)
        self._spent_before, self._leased_at_s = self.spent, now_s
        if lease.points:
            self._leased += lease.points
            self.left += lease.points
            self._held.append(_Held(self._leased, expires_s))
        self.low = self.left // 2
        # Where little is available, it is shared out in small parts.
        if self._available < lease.points:
            self._retry_s = now_s + MIN_RETRY_S
        self.describe(now_s)

    def note(self, lease: Lease, now_s: float) -> None:
        """Note what the store knows of the account."""
        self._available, self._seen_s = lease.available, now_s
        self.other_stream_points = lease.other_stream_points

    def ends_soon(self, at_s: float) -> bool:
        """Whether the lease of a client that spends points ends before that time."""
        return bool(self._held) and self._held[-1].expires_s <= at_s and self.spent > self._spent_before

    def expire(self, now_s: float) -> bool:
        """Give up what may be spent no more. Return whether anything is held.

        The oldest points are spent first.
        """
        held = self._held
        while held and (held[0].expires_s <= now_s or held[0].end <= self._leased - self.left):
            end, _ = held.popleft()
            if (unspent := end - (self._leased - self.left)) > 0:
                self.left -= unspent
                self._expired += unspent
                self.low = min(self.low, self.left // 2)
        return bool(held)

    def lacks(self, points: int, now_s: float) -> bool:
        """Whether so many points are not available, as far as is known."""
        return self.left < points and self.left + self._estimate(now_s) < points

    def retry_s(self, points: int, now_s: float) -> float:
        """Return after how many seconds so many points may be leased, as far as is known; 0: now."""
        assert self.limits is not None
        missing = points - self.left - self._estimate(now_s)
        return max(missing * self.limits.point_s, self._retry_s - now_s, 0.0)

    def is_full(self, now_s: float) -> bool:
        """Whether nothing of the budget is spent, as far as is known."""
        return self.limits is None or self._estimate(now_s) >= self.limits.capacity

    def state(self, now_s: float) -> BudgetState:
        """Return what is known of the budget: points that other gateways have leased count as spent."""
        if self.limits is None:
            return BudgetState(None, None, 0.0)
        estimate = self._estimate(now_s)
        remaining = min(self.limits.capacity, round(estimate) + self.left)
        full_s = (self.limits.capacity - remaining) * self.limits.point_s
        return BudgetState(self.limits.points, max(remaining, 0), full_s)

    def describe(self, now_s: float) -> None:
        """Renew the header fields."""
        state = self.state(now_s)
        if state.remaining is not None:
            value = rate_limit(state.remaining, state.full_s)
            self.headers, self.fields = {NAME: value}, format_rate_limit(value)

    def _lasting(self, at_s: float) -> int:
        """Return the points that may still be spent at that time."""
        ending = [each.end for each in self._held if each.expires_s <= at_s]
        return self._leased - max([self._leased - self.left, *ending])

    def _estimate(self, now_s: float) -> float:
        assert self.limits is not None
        refilled = (now_s - self._seen_s) / self.limits.point_s
        return min(self._available + refilled, self.limits.capacity)
