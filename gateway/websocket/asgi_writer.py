"""Writes frames one at a time with ASGI's `send`, for servers without a `FrameWriter`."""

import asyncio
from contextlib import suppress

from starlette.types import Send

from gateway.websocket.write_queue import WriteQueue


class AsgiWriter:
    """Not writable while a frame is being sent. `run` must be running."""

    # One frame at a time.
    below_high_water = False

    def __init__(self, send: Send) -> None:
        self._send = send
        self._queue: WriteQueue | None = None
        self._frame: bytes | None = None
        self._has_frame = asyncio.Event()

    @property
    def is_writable(self) -> bool:
        return self._frame is None

    def attach(self, queue: WriteQueue) -> None:
        self._queue = queue

    @staticmethod
    def encode_frame(message: bytes) -> bytes:
        return message

    def write_frame(self, frame: bytes) -> None:
        self._frame = frame
        self._has_frame.set()
        assert self._queue
        self._queue.on_writable_changed()

    async def run(self) -> None:
        """Send written frames until the connection ends."""
        with suppress(OSError):
            while True:
                await self._has_frame.wait()
                self._has_frame.clear()
                assert self._frame is not None
                assert self._queue
                await self._send({"type": "websocket.send", "text": self._frame.decode()})
                self._frame = None
                self._queue.on_writable_changed()
