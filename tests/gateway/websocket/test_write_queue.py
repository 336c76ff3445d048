"""The write queue: first come, first served; messages of cancelled senders are not written."""

import asyncio
from contextlib import suppress
from functools import partial

import pytest
from starlette.types import Message

from gateway.turn_budget import TURN_S, TurnBudget
from gateway.websocket.asgi_writer import AsgiWriter
from gateway.websocket.write_queue import ConnectionGone, WriteQueue
from tests.gateway.fixture_types import Until
from tests.virtual_time import run_virtually


class NarrowWriter:
    """Is writable for `room` frames."""

    def __init__(self) -> None:
        self.room = self.burst = 0
        self.written: list[bytes] = []
        self.queue: WriteQueue | None = None

    @property
    def is_writable(self) -> bool:
        return self.room > 0

    @property
    def below_high_water(self) -> bool:
        return len(self.written) < self.burst

    def attach(self, queue: WriteQueue) -> None:
        self.queue = queue

    @staticmethod
    def encode_frame(message: bytes) -> bytes:
        return message

    def write_frame(self, frame: bytes) -> None:
        self.written.append(frame)
        self.widen(-1)

    def widen(self, frames: int) -> None:
        self.room += frames
        assert self.queue
        self.queue.on_writable_changed()


def fail_on_stall() -> None:
    raise AssertionError("expected no stall")


def is_free(queue: WriteQueue) -> bool:
    return queue.is_free


async def waiting(queue: WriteQueue, *messages: bytes) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(queue.send(each)) for each in messages]
    await asyncio.sleep(0)
    return tasks


async def test_messages_are_written_in_order_without_those_of_cancelled_senders() -> None:
    """However many frames the writer accepts at once."""
    writer = NarrowWriter()
    queue = WriteQueue(writer, stall_s=60, on_stalled=fail_on_stall, budget=TurnBudget())
    tasks = await waiting(queue, b"1", b"2", b"3", b"4")
    tasks[1].cancel()
    with suppress(asyncio.CancelledError):
        await tasks[1]
    writer.widen(2)
    await asyncio.gather(tasks[0], tasks[2])
    assert writer.written == [b"1", b"3"]
    assert is_free(queue) is False
    writer.widen(2)
    assert writer.written == [b"1", b"3", b"4"]
    assert is_free(queue)
    await tasks[3]


async def test_a_turn_may_write_nothing() -> None:
    """The next turn follows at once."""
    writer = NarrowWriter()
    queue = WriteQueue(writer, stall_s=60, on_stalled=fail_on_stall, budget=TurnBudget())
    turns: list[int] = []
    queue.enqueue(lambda: turns.append(1))
    (task,) = await waiting(queue, b"2")
    writer.widen(1)
    assert (turns, writer.written) == ([1], [b"2"])
    await task


async def test_closing_the_queue_ends_all_waiting_senders() -> None:
    """And later ones."""
    writer = NarrowWriter()
    queue = WriteQueue(writer, stall_s=60, on_stalled=fail_on_stall, budget=TurnBudget())
    (task,) = await waiting(queue, b"1")
    queue.close()
    for late in (task, queue.send(b"2")):
        with pytest.raises(ConnectionGone):
            await late
    queue.enqueue(fail_on_stall)
    writer.widen(1)
    assert writer.written == []
    assert not queue.is_free


def test_sockets_with_the_same_budget_share_the_time_of_a_turn() -> None:
    """They take turns, and each serves its own waiting turns in order."""

    async def main() -> None:
        spent_s, log = 0.0, list[str]()
        budget = TurnBudget(cpu_s=lambda: spent_s)

        def turn(name: str) -> None:
            nonlocal spent_s
            log.append(name)
            spent_s += 0.6 * TURN_S

        for socket in "ab":
            writer = NarrowWriter()
            queue = WriteQueue(writer, stall_s=60, on_stalled=fail_on_stall, budget=budget)
            for number in range(3):
                queue.enqueue(partial(turn, f"{socket}{number}"))
            writer.widen(10)
        assert log == ["a0", "a1"]
        await asyncio.sleep(0)
        assert log[2:] == ["a2", "b0"]
        await asyncio.sleep(0)
        assert log[4:] == ["b1", "b2"]

    run_virtually(main())


@pytest.mark.parametrize("reads", [True, False])
def test_only_a_client_that_reads_nothing_is_stalled(*, reads: bool) -> None:
    """The stall timer runs while the socket is not writable."""

    async def main() -> None:
        writer, stalls = NarrowWriter(), []
        queue = WriteQueue(
            writer,
            stall_s=60,
            on_stalled=lambda: stalls.append(asyncio.get_running_loop().time()),
            budget=TurnBudget(),
        )
        await asyncio.sleep(59)
        if reads:
            writer.widen(1)
        await asyncio.sleep(600)
        assert stalls == ([] if reads else [60])
        queue.close()

    run_virtually(main())


async def test_without_a_frame_writer_frames_are_sent_one_by_one(until: Until) -> None:
    """The next one when `send` has returned."""
    taken: list[str] = []
    gate = asyncio.Semaphore(0)

    async def send(event: Message) -> None:
        await gate.acquire()
        taken.append(event["text"])

    writer = AsgiWriter(send)
    queue = WriteQueue(writer, stall_s=60, on_stalled=fail_on_stall, budget=TurnBudget())
    sending = asyncio.create_task(writer.run())
    queue.write(b"1")
    assert not is_free(queue)
    (second,) = await waiting(queue, b"2")
    assert taken == []
    gate.release()
    await second
    assert taken == ["1"]
    gate.release()
    await until(lambda: taken == ["1", "2"])
    assert is_free(queue)
    sending.cancel()
    queue.close()
