"""Throttled subscriptions are restored in their order, as far as the budget allows it."""

from access.lease_store import Lease
from access.plan import PlanLimits
from gateway.budgets.account import Account
from gateway.budgets.open_stream import OpenStream, StreamCost
from gateway.budgets.plan_usage import PlanUsage
from gateway.budgets.stream_budgets import MAX_RESTORED, restore_streams

COST = StreamCost(10, 1)


def open_account(stream_points: int) -> Account:
    return Account("a", "a", PlanLimits(stream_points=stream_points).named("p"), 0.0)


def open_streams(account: Account, number: int, usage: PlanUsage | None = None) -> list[OpenStream]:
    return [OpenStream(account, COST, usage or PlanUsage()) for _ in range(number)]


def throttled(streams: list[OpenStream]) -> list[bool]:
    return [each.is_throttled for each in streams]


def test_the_oldest_is_restored_when_another_ends() -> None:
    """As many as fit, and the sums say what they cost."""
    account, usage = open_account(21), PlanUsage()
    streams = open_streams(account, 5, usage)
    assert throttled(streams) == [False, False, True, True, True]
    assert account.stream_points == 23
    restore_streams(account)
    assert throttled(streams) == [False, False, True, True, True]
    streams[0].close()
    restore_streams(account)
    # 13 are used: the third costs 9 more, which is one too many.
    assert throttled(streams[1:]) == [False, True, True, True]
    streams[4].close()
    restore_streams(account)
    assert throttled(streams[1:4]) == [False, False, True]
    assert account.stream_points == 21
    assert list(account.throttled) == [streams[3]]
    assert (usage.throttled, usage.restored) == (3, 1)
    for each in streams[1:4]:
        each.close()
    assert account.stream_points == 0
    assert not account.throttled


def test_one_that_cannot_be_restored_now_stays_and_delays_no_other() -> None:
    """It is tried again later."""
    account = open_account(10)
    streams = open_streams(account, 3)
    busy = streams[1]
    busy.on_restore = lambda: False
    streams[0].close()
    account.plan = PlanLimits(stream_points=12).named("p")
    restore_streams(account)
    assert throttled(streams[1:]) == [True, False]
    busy.on_restore = lambda: True
    streams[2].close()
    restore_streams(account)
    assert not busy.is_throttled


def test_a_stream_is_not_throttled_while_it_is_restored() -> None:
    """A subscription that is made meanwhile gets all events."""
    account = open_account(10)
    first, second = open_streams(account, 2)
    seen: list[bool] = []

    def restore() -> bool:
        seen.append(second.is_throttled)
        return True

    second.on_restore = restore
    first.close()
    restore_streams(account)
    assert seen == [False]


def test_a_part_of_what_is_free_is_given_at_once() -> None:
    """Other gateways may find the same; each stream costs a snapshot."""
    account = open_account(600)
    account.note(Lease(0, 0, 0.0, 600, 2), 0.0)
    streams = open_streams(account, 60)
    assert all(throttled(streams))
    account.note(Lease(0, 0, 0.0, 0, 2), 0.0)
    # 540 are free: a quarter of them is given.
    restore_streams(account)
    assert sum(throttled(streams)) == 60 - 15
    account.plan = PlanLimits(stream_points=10**6).named("p")
    restore_streams(account)
    assert sum(throttled(streams)) == 45 - MAX_RESTORED
