"""The queue of outgoing frames: batches, order, and slow readers."""

import asyncio
from collections.abc import Awaitable, Sequence

from simulator.ping_schedule import PingFrame
from simulator.send_queue import MAX_QUEUED_FRAMES, SLOW_CONSUMER, CloseFrame, SendQueue
from tests.simulator.conftest import TIMEOUT_SECONDS


class RecordingSocket:
    """Records what is sent."""

    transport = asyncio.Transport()

    def __init__(self) -> None:
        self.sent: list[list[str] | str] = []

    async def send_texts(self, texts: Sequence[str]) -> None:
        self.sent.append(list(texts))

    async def ping(self, data: bytes) -> Awaitable[float]:
        self.sent.append(f"ping {data.decode()}")
        return asyncio.get_running_loop().create_future()

    async def close(self, code: int, reason: str) -> None:
        self.sent.append(f"close {code} {reason}")


async def test_queued_texts_are_sent_in_one_write() -> None:
    """Up to the next ping or close, which keep their place."""
    socket = RecordingSocket()
    queue = SendQueue(socket)
    for item in ("a", "b", PingFrame(b"1"), "c"):
        assert queue.try_enqueue(item)
    queue.close_when_drained(CloseFrame(1001, "bye"))
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await queue.send_all()
    assert socket.sent == [["a", "b"], "ping 1", ["c"], "close 1001 bye"]


async def test_a_slow_reader_of_a_generated_market_is_disconnected_at_once() -> None:
    """Nobody else waits for it: its full queue is discarded."""
    socket = RecordingSocket()
    queue = SendQueue(socket)
    for number in range(MAX_QUEUED_FRAMES):
        assert queue.try_enqueue(str(number))
    await queue.enqueue("one too many", waits=False)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await queue.send_all()
    assert socket.sent == [f"close {SLOW_CONSUMER.code} {SLOW_CONSUMER.reason}"]


async def test_a_replay_waits_for_a_slow_reader() -> None:
    """Every frame arrives, in order."""
    socket = RecordingSocket()
    queue = SendQueue(socket)
    for number in range(MAX_QUEUED_FRAMES):
        assert queue.try_enqueue(str(number))
    async with asyncio.timeout(TIMEOUT_SECONDS), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(queue.enqueue("last", waits=True))
        await asyncio.sleep(0)
        assert not waiting.done()
        sending = tasks.create_task(queue.send_all())
        await waiting
        queue.close_when_drained(CloseFrame(1001, "bye"))
        await sending
    texts = [text for batch in socket.sent if isinstance(batch, list) for text in batch]
    assert texts == [*map(str, range(MAX_QUEUED_FRAMES)), "last"]
