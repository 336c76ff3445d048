"""Budgets that are leased: how much may be spent in any time."""

from bisect import bisect_left
from collections.abc import Iterator
from math import floor
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.gcra import BucketLimits, take
from access.plan import SHIPPED_PLANS, UNLIMITED, PlanLimits


def limits_of(points: int, window_s: int, burst: int | None = None) -> BucketLimits:
    """The limits of a plan."""
    found = BucketLimits.of(PlanLimits(points=points, window_s=window_s, burst=burst).named("test"))
    assert found is not None
    return found


def test_an_unlimited_plan_has_no_bucket() -> None:
    """Nothing is leased for it."""
    assert BucketLimits.of(SHIPPED_PLANS[UNLIMITED]) is None


def test_a_budget_holds_less_than_the_burst_by_what_refills_while_a_lease_lives() -> None:
    """A lease of the shipped window lives for six seconds, in which a tenth of it refills."""
    limits = limits_of(600, 60)
    assert limits.lease_s == pytest.approx(6)
    assert limits.capacity == 540


def test_points_refill_evenly_and_no_further_than_the_capacity() -> None:
    """After all are spent, ten a second come back."""
    limits = limits_of(600, 60)
    spent = take(0, 0, 540, 540, limits)
    assert spent.points == 540
    assert take(spent.arrival_s, 1, 1, 11, limits).points == 0
    assert take(spent.arrival_s, 1.0001, 10, 10, limits).points == 10
    assert take(spent.arrival_s, 1_000, 1, 1, limits).available == 539


def test_a_refusal_says_when_the_points_are_available() -> None:
    """The time is exact: a moment before they are not, then they are."""
    limits = limits_of(600, 60)
    spent = take(0, 0, 540, 540, limits)
    refused = take(spent.arrival_s, 2, 50, 50, limits)
    assert refused.points == 0
    assert refused.arrival_s == spent.arrival_s
    assert refused.retry_s == pytest.approx(3, abs=0.11)
    assert take(spent.arrival_s, 2 + refused.retry_s - 0.11, 50, 50, limits).points == 0
    assert take(spent.arrival_s, 2 + refused.retry_s + 1e-6, 50, 50, limits).points == 50


def test_a_lease_leaves_something_to_others() -> None:
    """A gateway that wants all gets a quarter, and what it needs at once."""
    limits = limits_of(600, 60)
    assert take(0, 0, 10_000, 1, limits).points == 135
    assert take(0, 0, 10_000, 300, limits).points == 300


def test_a_debt_is_paid_before_anything_is_leased() -> None:
    """Points that were spent without the store are missing afterwards, but not for ever."""
    limits = limits_of(600, 60)
    assert take(0, 0, 1, 1, limits, debt=540).points == 0
    owed = take(0, 0, 1, 1, limits, debt=10**9)
    assert owed.retry_s <= 2 * limits.capacity * limits.point_s


def test_a_clock_that_steps_back_takes_what_is_left_and_no_more() -> None:
    """Points come back at once, not after the burst that a debt may take."""
    limits = limits_of(600, 60)
    ahead = take(3_600, 3_600, 1, 1, limits)
    assert take(ahead.arrival_s, 0, 1, 1, limits).points == 0
    stepped = take(ahead.arrival_s, 0, 1, 1, limits)
    assert take(stepped.arrival_s, 1.0001, 10, 10, limits).points == 10


class Fleet:
    """Gateways that lease and spend, restart, and lose answers, at random."""

    def __init__(self, limits: BucketLimits, random: Random) -> None:
        self.limits, self.random = limits, random
        self.now_s, self.arrival_s = 0.0, 0.0
        self.leases: list[list[tuple[float, int]]] = [[] for _ in range(4)]
        self.spent: list[tuple[float, int]] = []

    def step(self) -> None:
        """Do one thing at one gateway, or let time pass."""
        gateway = self.random.randrange(4)
        match self.random.choice(["wait", "lease", "lease", "spend", "spend", "spend", "lose", "restart"]):
            case "wait":
                self.now_s += self.random.choice(
                    [0.001, 0.05, 0.5, self.limits.lease_s, self.limits.window_s]
                )
            case "lease":
                self.leases[gateway].append((self.now_s + self.limits.lease_s, self._take()))
            case "lose":
                self._take()
            case "restart":
                self.leases[gateway] = []
            case "spend":
                self._spend(gateway)

    def _take(self) -> int:
        wanted = self.random.choice([1, 10, 100, 10_000])
        grant = take(self.arrival_s, self.now_s, wanted, self.random.choice([1, wanted]), self.limits)
        self.arrival_s = grant.arrival_s
        return grant.points

    def _spend(self, gateway: int) -> None:
        held = [(expires_s, points) for expires_s, points in self.leases[gateway] if expires_s > self.now_s]
        self.spent.append((self.now_s, sum(points for _, points in held)))
        self.leases[gateway] = []

    def intervals(self) -> Iterator[tuple[float, int]]:
        """Yield the length of each interval between two times of spending, and what was spent in it."""
        times = [at for at, _ in self.spent]
        sums = [0]
        for _, points in self.spent:
            sums.append(sums[-1] + points)
        for first in sorted(set(times)):
            for last in sorted({at for at in times if at >= first}):
                yield last - first, sums[bisect_left(times, last + 1e-12)] - sums[bisect_left(times, first)]


@given(
    seed=st.integers(0, 10**6),
    points=st.sampled_from([7, 600, 12_000_000]),
    window_s=st.sampled_from([10, 60]),
    bursts=st.sampled_from([1, 3]),
)
def test_no_order_of_leases_restarts_and_lost_answers_lets_more_than_the_limit_be_spent(
    seed: int, points: int, window_s: int, bursts: int
) -> None:
    """In no interval is more spent than what refills in it and the burst of the plan."""
    burst = points * bursts
    fleet = Fleet(limits_of(points, window_s, burst), Random(seed))
    for _ in range(60):
        fleet.step()
    for length_s, spent in fleet.intervals():
        assert spent <= floor(points * length_s / window_s + burst + 0.1)
