"""One line per socket: first come, first served, nothing written that nobody wants any more."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from gateway.websocket.asgi_writer import AsgiWriter
from gateway.websocket.write_queue import ConnectionGone, WriteQueue


class NarrowSink:
    """Takes as many frames as it has room for."""

    def __init__(self) -> None:
        self.room = self.burst = 0
        self.written: list[bytes] = []
        self.line: WriteQueue | None = None

    @property
    def is_writable(self) -> bool:
        return self.room > 0

    @property
    def has_room(self) -> bool:
        return len(self.written) < self.burst

    def attach(self, line: WriteQueue) -> None:
        self.line = line

    @staticmethod
    def frame(message: bytes) -> bytes:
        return message

    def write(self, frame: bytes) -> None:
        self.written.append(frame)
        self.widen(-1)

    def widen(self, frames: int) -> None:
        self.room += frames
        assert self.line
        self.line.note_change()


def nobody() -> None:
    raise AssertionError("expected no stall")


def is_free(line: WriteQueue) -> bool:
    return line.is_free


async def standing(line: WriteQueue, *messages: bytes) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(line.send(each)) for each in messages]
    await asyncio.sleep(0)
    return tasks


async def test_who_came_first_is_written_first_and_whoever_has_left_is_not() -> None:
    """However the room comes."""
    sink = NarrowSink()
    line = WriteQueue(sink, stall_s=60, on_stalled=nobody)
    tasks = await standing(line, b"1", b"2", b"3", b"4")
    tasks[1].cancel()
    with suppress(asyncio.CancelledError):
        await tasks[1]
    sink.widen(2)
    await asyncio.gather(tasks[0], tasks[2])
    assert sink.written == [b"1", b"3"]
    assert is_free(line) is False
    sink.widen(2)
    assert sink.written == [b"1", b"3", b"4"]
    assert is_free(line)
    await tasks[3]


async def test_whoever_stands_in_line_may_write_nothing_when_it_is_his_turn() -> None:
    """And the next comes at once."""
    sink = NarrowSink()
    line = WriteQueue(sink, stall_s=60, on_stalled=nobody)
    turns: list[int] = []
    line.wait(lambda: turns.append(1))
    (task,) = await standing(line, b"2")
    sink.widen(1)
    assert (turns, sink.written) == ([1], [b"2"])
    await task


async def test_a_line_that_is_closed_tells_everyone_who_stands_in_it() -> None:
    """And whoever comes after."""
    sink = NarrowSink()
    line = WriteQueue(sink, stall_s=60, on_stalled=nobody)
    (task,) = await standing(line, b"1")
    line.close()
    for late in (task, line.send(b"2")):
        with pytest.raises(ConnectionGone):
            await late
    line.wait(nobody)
    sink.widen(1)
    assert sink.written == []
    assert not line.is_free


@pytest.mark.parametrize("moves_on", [True, False])
async def test_a_reader_that_takes_nothing_is_noted_once_and_one_that_does_is_not(moves_on: bool) -> None:
    """Measured anew whenever it takes something."""
    sink, stalled = NarrowSink(), asyncio.Event()
    line = WriteQueue(sink, stall_s=0.02, on_stalled=stalled.set)
    if moves_on:
        sink.widen(1)
    line.note_change()
    if moves_on:
        await asyncio.sleep(0.04)
        assert not stalled.is_set()
    else:
        async with asyncio.timeout(5):
            await stalled.wait()
    line.close()


async def test_a_server_without_a_sink_gets_one_frame_after_the_other(until: Callable[..., Any]) -> None:
    """The next when it has taken the last."""
    taken: list[str] = []
    gate = asyncio.Semaphore(0)

    async def send(event: Any) -> None:
        await gate.acquire()
        taken.append(event["text"])

    sink = AsgiWriter(send)
    line = WriteQueue(sink, stall_s=60, on_stalled=nobody)
    sending = asyncio.create_task(sink.run())
    line.write(b"1")
    assert not is_free(line)
    (second,) = await standing(line, b"2")
    assert taken == []
    gate.release()
    await second
    assert taken == ["1"]
    gate.release()
    await until(lambda: taken == ["1", "2"])
    assert is_free(line)
    sending.cancel()
    line.close()
