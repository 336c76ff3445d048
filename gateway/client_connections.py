"""The open WebSockets and streams of the process, which it ends to move their clients."""

import asyncio
from contextlib import suppress
from enum import Enum
from typing import Protocol

from access.principal import Principal

# Connections that end within this time end together: more timers than this would cost more than they spread.
TICK_S = 0.01
# The `Retry-After` of refused requests, in seconds.
RETRY_AFTER_S = 1


class Ending(Enum):
    """The cause for which the process ends its connections."""

    STOPPING = "the process is about to end"
    LEAVING = "the process cannot answer for a while"
    REVOKED = "its key was revoked"
    EXPIRED = "its key or token has expired"
    KEYS_UNCONFIRMED = "nobody can tell whether its key was revoked"


class ClientConnection(Protocol):
    """A WebSocket, or a stream over HTTP, of `principal`."""

    @property
    def principal(self) -> Principal:
        """The client. It may be replaced by what its key means now."""
        ...

    @principal.setter
    def principal(self, principal: Principal, /) -> None: ...

    async def end(self, ending: Ending, /) -> None:
        """End it in the way that its client's library follows by reconnecting."""
        ...


class ClientConnections:
    """Every WebSocket and stream adds itself while it is open."""

    def __init__(self) -> None:
        # In the order of their start.
        self._open: dict[ClientConnection, None] = {}
        self._is_empty = asyncio.Event()
        self.is_closed = False
        """Whether new ones are refused: the process is about to end."""
        self.refusal: str | None = None
        """Why requests and new connections are refused for a while; `None` while they are not."""

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: ClientConnection) -> None:
        """Add a connection that has just been opened."""
        self._open[connection] = None
        self._is_empty.clear()

    def discard(self, connection: ClientConnection) -> None:
        """Remove a connection that has ended."""
        self._open.pop(connection, None)
        if not self._open:
            self._is_empty.set()

    async def end_all(self, period_s: float, ending: Ending = Ending.STOPPING) -> None:
        """End all connections evenly over `period_s` seconds, the oldest first."""
        loop = asyncio.get_running_loop()
        end_at = loop.time() + period_s
        async with asyncio.TaskGroup() as tasks:
            while self._open:
                left_s = end_at - loop.time()
                wait_s = max(TICK_S, left_s / len(self._open))
                share = len(self._open) if wait_s >= left_s else round(len(self._open) * wait_s / left_s)
                for connection in list(self._open)[:share]:
                    self.discard(connection)
                    tasks.create_task(connection.end(ending))
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._is_empty.wait()
