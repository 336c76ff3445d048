"""One client's socket: what goes out is queued in order and bounded; what comes in is shown frame by frame.

Every frame to a client passes `Outbox`, every byte from and to it `ClientSocket`: whoever wants to disturb a connection finds
these two places.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import Event

from simulator.keepalive import Ping

OUTBOX_FRAMES = 10_000
PONG = 0x80 | Opcode.PONG  # the first byte of a whole pong frame
STALLED_SECONDS = 10.0  # a client that takes nothing for so long is cut, as slow readers are


@dataclass(frozen=True, slots=True)
class Close:
    """The end of a connection."""

    code: int
    reason: str


class ClientSocket(ServerConnection):
    """A server connection that shows every incoming frame, pings and pongs too: exchanges count them.

    When `deaf`, it is half-open: what comes is thrown away unread, what should go out is not sent. Without `answers_pings`
    the library's own pongs are not sent.
    """

    on_frame: Callable[[Frame], None] | None = None
    deaf = False
    answers_pings = True

    @cached_property
    def outbox(self) -> "Outbox":
        """What waits to be sent to this client."""
        return Outbox(self)

    def process_event(self, event: Event) -> None:
        """Show the frame, then let the library do its part (it answers pings)."""
        if isinstance(event, Frame) and self.on_frame is not None and event.opcode is not Opcode.CLOSE:
            self.on_frame(event)
        super().process_event(event)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if not self.deaf:
            super().data_received(data)

    def send_data(self) -> None:
        """Bytes to the client. Each item that the protocol has ready is one frame, and a server's are not masked."""
        if not self.deaf and self.answers_pings:
            super().send_data()
            return
        for data in self.protocol.data_to_send():
            if self.deaf or (data and data[0] == PONG):
                continue
            if data:
                self.transport.write(data)
            elif self.transport.can_write_eof():
                self.transport.write_eof()


class Outbox:
    """Frames waiting to be sent to one client."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._queue: asyncio.Queue[str | Ping | Close] = asyncio.Queue(OUTBOX_FRAMES)
        self._closing = False

    def offer(self, item: str | Ping) -> bool:
        """Queue a frame if there is room."""
        if self._closing:
            return True
        try:
            self._queue.put_nowait(item)
        except asyncio.QueueFull:
            return False
        return True

    async def put(self, text: str) -> None:
        """Queue a frame, waiting for a slow reader for a while before it is cut."""
        if self.offer(text):
            return
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                await self._queue.put(text)
        except TimeoutError:
            self.close(Close(1008, "Slow consumer"))

    def close(self, close: Close) -> None:
        """Send the close frame next, before anything else that waits."""
        if self._closing:
            return
        self._closing = True
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(close)

    def close_after_all(self, close: Close) -> None:
        """Send the close frame after everything that waits (at once if there is no room to wait in)."""
        if self._closing:
            return
        if self._queue.full():
            self.close(close)
            return
        self._closing = True
        self._queue.put_nowait(close)

    async def send_all(self) -> None:
        """Send what is queued until the connection closes. A stalled client is dropped without a close frame."""
        try:
            while await self._send(await self._queue.get()):
                pass
        except ConnectionClosed:
            return
        except TimeoutError:
            self._socket.transport.abort()

    async def _send(self, item: str | Ping | Close) -> bool:
        async with asyncio.timeout(STALLED_SECONDS):
            match item:
                case Ping(payload):
                    await self._socket.ping(payload)
                case Close(code, reason):
                    await self._socket.close(code, reason)
                    return False
                case str():
                    await self._socket.send(item)
        return True
