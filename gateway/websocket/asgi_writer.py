"""Frames by way of ASGI's `send`, for servers that offer nothing better: one at a time, each with its wait."""

import asyncio
from contextlib import suppress

from starlette.types import Send

from gateway.websocket.write_queue import WriteQueue


class AsgiWriter:
    """Not writable while a frame is on its way. `run` must be running."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._line: WriteQueue | None = None
        self._frame: bytes | None = None
        self._has_frame = asyncio.Event()

    @property
    def is_writable(self) -> bool:
        return self._frame is None

    # One frame at a time.
    has_room = False

    def attach(self, line: WriteQueue) -> None:
        self._line = line

    @staticmethod
    def frame(message: bytes) -> bytes:
        return message

    def write(self, frame: bytes) -> None:
        self._frame = frame
        self._has_frame.set()
        assert self._line
        self._line.note_change()

    async def run(self) -> None:
        """Send what is written until the connection is over."""
        with suppress(OSError):
            while True:
                await self._has_frame.wait()
                self._has_frame.clear()
                assert self._frame is not None
                assert self._line
                await self._send({"type": "websocket.send", "text": self._frame.decode()})
                self._frame = None
                self._line.note_change()
