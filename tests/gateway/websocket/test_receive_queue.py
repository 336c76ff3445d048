"""The queue and the flag that take the place of uvicorn's, for less memory."""

import asyncio
import inspect
import re
from contextlib import suppress

import pytest
from uvicorn.protocols.websockets import websockets_sansio_impl

from gateway.websocket.receive_queue import ReceiveQueue
from gateway.websocket.writable_flag import WritableFlag


@pytest.mark.parametrize(("name", "replacement"), [("queue", ReceiveQueue), ("writable", WritableFlag)])
def test_uvicorn_calls_nothing_that_they_lack(name: str, replacement: type) -> None:
    """Its class makes them, so a new version may use more of them."""
    source = inspect.getsource(websockets_sansio_impl.WebSocketsSansIOProtocol)
    used = set(re.findall(rf"self\.{name}\.(\w+)", source))
    assert used
    assert {each for each in used if not hasattr(replacement, each)} == set()


async def test_events_come_in_their_order() -> None:
    """Those that wait, and one that is awaited."""
    queue = ReceiveQueue()
    for number in range(3):
        queue.put_nowait(number)
    assert [await queue.get() for _ in range(3)] == [0, 1, 2]
    assert queue.empty()
    reading = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    assert not reading.done()
    queue.put_nowait(3)
    queue.put_nowait(4)
    assert await reading == 3
    assert await queue.get() == 4


async def test_a_reader_that_is_cancelled_takes_no_event() -> None:
    """Neither while it waits, nor once it was woken."""
    queue = ReceiveQueue()
    for is_woken in (False, True):
        reading = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        if is_woken:
            queue.put_nowait("event")
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
    assert await queue.get() == "event"


async def test_a_flag_wakes_all_that_wait() -> None:
    """Those that were cancelled do not keep the others from it."""
    flag = WritableFlag()
    await flag.wait()
    flag.clear()
    assert not flag.is_set()
    waiting = [asyncio.create_task(flag.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    assert not any(task.done() for task in waiting[1:])
    flag.set()
    flag.set()
    await asyncio.gather(*waiting[1:])
    assert flag.is_set()
    await flag.wait()
