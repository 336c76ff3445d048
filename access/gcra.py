"""The generic cell rate algorithm: a budget that refills evenly, kept as one time.

Leases make it work for several gateways. A gateway takes points in advance, and may spend them for a while: so the budget itself
holds less than the burst of the plan, by the points that refill while a lease may be spent. Then all gateways together spend at
most `points * time / window + burst` in any time, whatever happens to leases and answers.
"""

from math import ceil, floor
from typing import NamedTuple

from access.plan import Plan

MICROSECOND_S = 1e-6
# The longest time for which leased points may be spent, and the part of the burst that may refill meanwhile.
MAX_LEASE_S, LEASED_PART = 20.0, 0.1
# A lease takes this part of what is available, or what is needed at once: others find something too.
LEASE_SHARE = 0.25
# A budget is never further behind than this many bursts.
MAX_DEBT = 2
ROUNDING = 1e-3


class BucketLimits(NamedTuple):
    """The limits of a budget that is leased."""

    points: int
    window_s: float
    capacity: int
    """Points that may be leased at once."""
    lease_s: float
    """How long leased points may be spent."""

    @classmethod
    def of(cls, plan: Plan) -> "BucketLimits | None":
        """Return the limits of a plan; `None` if it has none."""
        if plan.points is None or plan.burst is None:
            return None
        rate = plan.points / plan.window_s
        lease_s = min(MAX_LEASE_S, LEASED_PART * plan.burst / rate)
        return cls(plan.points, plan.window_s, max(1, floor(plan.burst - rate * lease_s)), lease_s)

    def reduced(self, part: float) -> "BucketLimits":
        """Return the limits of a part of the budget."""
        return self._replace(
            points=max(1, floor(self.points * part)), capacity=max(1, floor(self.capacity * part))
        )

    @property
    def point_s(self) -> float:
        """Seconds in which a point refills."""
        return self.window_s / self.points


class Grant(NamedTuple):
    """Points that were taken, and the budget after that."""

    points: int
    available: int
    """Below 0 while a debt is paid."""
    arrival_s: float
    """The time at which the budget is full again: all that is kept of it."""
    retry_s: float
    """Seconds until the points that were needed are available; 0 if they were taken."""


def take(
    arrival_s: float, now_s: float, wanted: int, least: int, limits: BucketLimits, *, debt: int = 0
) -> Grant:
    """Take up to `wanted` points, at least `least` or none. A `debt` is paid first.

    `take_points.lua` does the same in Redis.
    """
    point_s = limits.point_s
    longest_s = MAX_DEBT * limits.capacity * point_s
    if arrival_s > now_s + longest_s:
        # Of a clock that has stepped back, or of a larger plan: nothing is left, and points come back from now on.
        arrival_s = now_s + limits.capacity * point_s
    arrival_s = min(max(arrival_s, now_s) + debt * point_s, now_s + longest_s)
    # Sums of times are off by less than this part of a point.
    available = floor(limits.capacity - (arrival_s - now_s) / point_s + ROUNDING)
    if available < least:
        retry_s = (min(least, limits.capacity) - available) * point_s
        return Grant(0, available, arrival_s, retry_s)
    points = max(least, min(wanted, floor(available * LEASE_SHARE)))
    return Grant(points, available - points, arrival_s + points * point_s, 0.0)


def retry_ms(seconds: float) -> int:
    """Return whole milliseconds after which waiting is over."""
    return max(1, ceil(seconds * 1000))
