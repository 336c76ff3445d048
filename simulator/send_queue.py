"""Bounded queue of outgoing frames of one connection, sent in order by one task."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol

from websockets.exceptions import ConnectionClosed

from simulator.ping_schedule import PingFrame

MAX_QUEUED_FRAMES = 10_000
MAX_BATCH_FRAMES = 500
SEND_TIMEOUT_SECONDS = 10.0  # exchanges disconnect clients that read nothing for longer


class FrameSocket(Protocol):
    """The socket operations that a queue needs."""

    @property
    def transport(self) -> asyncio.Transport:
        """The connection's transport, aborted when the client stalls."""

    async def send_texts(self, texts: Sequence[str]) -> None:
        """Send text frames in one write."""

    async def ping(self, data: bytes) -> Awaitable[float]:
        """Send a ping."""

    async def close(self, code: int, reason: str) -> None:
        """Close the connection."""


@dataclass(frozen=True, slots=True)
class CloseFrame:
    """The end of a connection."""

    code: int
    reason: str


SLOW_CONSUMER = CloseFrame(1008, "Slow consumer")


class SendQueue:
    """Frames waiting to be sent to one client."""

    def __init__(self, socket: FrameSocket) -> None:
        self._socket = socket
        self._queue: asyncio.Queue[str | PingFrame | CloseFrame] = asyncio.Queue(MAX_QUEUED_FRAMES)
        self._closing = False

    def try_enqueue(self, item: str | PingFrame) -> bool:
        """Queue a frame if there is room; return whether there was."""
        if self._closing:
            return True
        try:
            self._queue.put_nowait(item)
        except asyncio.QueueFull:
            return False
        return True

    async def enqueue(self, text: str, *, waits: bool) -> None:
        """Queue a frame; disconnect a slow reader whose queue is full, after a timeout if `waits`."""
        if self.try_enqueue(text):
            return
        if not waits:
            self.close(SLOW_CONSUMER)
            return
        try:
            async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                await self._queue.put(text)
        except TimeoutError:
            self.close(SLOW_CONSUMER)

    def close(self, close: CloseFrame) -> None:
        """Discard all queued frames and close."""
        if self._closing:
            return
        self._closing = True
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(close)

    def close_when_drained(self, close: CloseFrame) -> None:
        """Close after the queued frames are sent (at once if the queue is full)."""
        if self._closing:
            return
        if self._queue.full():
            self.close(close)
            return
        self._closing = True
        self._queue.put_nowait(close)

    async def send_all(self) -> None:
        """Send queued frames until the connection closes.

        A stalled client is disconnected without a close frame.
        """
        try:
            while True:
                texts, item = await self._next_batch()
                async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                    if texts:
                        await self._socket.send_texts(texts)
                    match item:
                        case PingFrame(payload):
                            await self._socket.ping(payload)
                        case CloseFrame(code, reason):
                            await self._socket.close(code, reason)
                            return
        except ConnectionClosed:
            return
        except TimeoutError:
            self._socket.transport.abort()

    async def _next_batch(self) -> tuple[list[str], PingFrame | CloseFrame | None]:
        """Wait for a frame; return it with all texts queued behind it, up to the next ping or close."""
        texts: list[str] = []
        item = await self._queue.get()
        while isinstance(item, str):
            texts.append(item)
            if self._queue.empty() or len(texts) >= MAX_BATCH_FRAMES:
                return texts, None
            item = self._queue.get_nowait()
        return texts, item
