"""Waits for positions of a source."""

import asyncio

from gateway.state.position_waiters import PositionWaiters


async def start(waiters: PositionWaiters, *seqs: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(waiters.wait(seq)) for seq in seqs]
    await asyncio.sleep(0)
    return tasks


async def test_each_waits_for_its_own_number() -> None:
    """Equal or higher; the others wait on."""
    waiters = PositionWaiters()
    tasks = await start(waiters, 7, 5, 6, 5)
    waiters.reach(4)
    assert len(waiters) == 4
    waiters.reach(5)
    await asyncio.sleep(0)
    assert [task.done() for task in tasks] == [False, True, False, True]
    waiters.reach(9)
    await asyncio.gather(*tasks)
    assert len(waiters) == 0


async def test_the_end_of_an_epoch_resumes_all() -> None:
    """The position that they wait for does not matter."""
    waiters = PositionWaiters()
    tasks = await start(waiters, 7, 10**15)
    waiters.end()
    await asyncio.gather(*tasks)
    assert len(waiters) == 0


async def test_one_that_gives_up_leaves_nothing_behind() -> None:
    """Neither itself nor its number: a cursor that never existed would cost every write."""
    waiters = PositionWaiters()
    tasks = await start(waiters, 10**15, 3)
    tasks[0].cancel()
    await asyncio.wait(tasks[:1])
    assert len(waiters) == 1
    waiters.reach(3)
    # Cancelled in the same turn in which its number is reached.
    tasks[1].cancel()
    await asyncio.wait(tasks)
    assert len(waiters) == 0
