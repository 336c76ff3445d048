"""The most active clients of a process, by what they used lately."""

from access.memory_lease_store import MemoryLeaseStore
from access.plan import SHIPPED_PLANS
from gateway.budgets.account_registry import Accounts
from gateway.budgets.client_activity import AT_ONCE, MARK_S, Activity
from tests.gateway.fakes import FakeClock


async def test_points_are_those_since_the_last_mark_but_one() -> None:
    """A client that was busy long ago does not hide one that is busy now."""
    clock = FakeClock()
    accounts = Accounts(MemoryLeaseStore(), SHIPPED_PLANS, grace_s=60, clock=clock)
    began_at = clock()
    before, now = accounts.of_address("192.0.2.1"), accounts.of_address("192.0.2.2")

    async def spent() -> list[tuple[str, int]]:
        top = await accounts.activity.find_top(10, Activity.SPENT_POINTS)
        return [(each.account.name, each.spent_points) for each in top.clients]

    await accounts.charge(before, 1_000)
    assert (await accounts.activity.find_top(1, Activity.SPENT_POINTS)).since == began_at
    clock.advance(MARK_S)
    await accounts.activity.mark()
    await accounts.charge(now, 10)
    assert await spent() == [("192.0.2.1", 1_000), ("192.0.2.2", 10)]
    clock.advance(MARK_S)
    marked_at = clock()
    await accounts.activity.mark()
    assert await spent() == [("192.0.2.2", 10)]
    clock.advance(MARK_S)
    await accounts.activity.mark()
    assert await spent() == []
    assert (await accounts.activity.find_top(1, Activity.SPENT_POINTS)).since == marked_at


async def test_the_first_of_many_clients_are_found_in_turns() -> None:
    """More than are compared in one turn of the loop."""
    accounts = Accounts(MemoryLeaseStore(), SHIPPED_PLANS, grace_s=60)
    count = 2 * AT_ONCE + 7
    for number in range(count):
        accounts.of_key(f"k{number}", "unlimited").charge((number * 7) % count)
    top = await accounts.activity.find_top(3, Activity.SPENT_POINTS)
    assert [each.spent_points for each in top.clients] == [count - 1, count - 2, count - 3]
    assert top.known_count == count
