"""The received events of a WebSocket, for its one reader.

It takes the place of uvicorn's `asyncio.Queue`, which takes 3 KB for each connection although it is empty.
"""

import asyncio
from typing import Any


class ReceiveQueue:
    """A queue of few events: nothing is read from the socket while one waits."""

    __slots__ = ("_events", "_reader")

    def __init__(self) -> None:
        self._events: list[Any] = []
        self._reader: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        """Whether no event waits."""
        return not self._events

    def put_nowait(self, event: Any) -> None:
        """Add an event."""
        self._events.append(event)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> Any:
        """Remove and return the first event; wait for it if there is none. Only one may wait."""
        while not self._events:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._events.pop(0)
