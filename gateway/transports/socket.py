"""WebSockets on `/graphql`: who may open one, which subprotocol it speaks, and all that are open."""

import asyncio
from collections.abc import Callable, Iterable
from math import inf
from typing import Any

import structlog
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from gateway.operations import Operations
from gateway.settings import GatewaySettings
from gateway.transports import legacy_ws, transport_ws
from gateway.transports.connection import Connection, Patience
from gateway.transports.deadlines import Deadlines
from gateway.transports.effects import GOING_AWAY, SUBPROTOCOL_NOT_ACCEPTABLE, SocketProtocol
from gateway.transports.legacy_ws import LegacyWs
from gateway.transports.line import SINK
from gateway.transports.origin import is_origin_allowed
from gateway.transports.transport_ws import TransportWs

# In the order of preference, where a client speaks several.
SUBPROTOCOLS: dict[str, Callable[[int], SocketProtocol]] = {
    transport_ws.SUBPROTOCOL: TransportWs,
    legacy_ws.SUBPROTOCOL: LegacyWs,
}

log = structlog.get_logger("ratewire.gateway.socket")


class SocketTransport:
    """An ASGI app for the scope `websocket`."""

    def __init__(self, operations: Operations, settings: GatewaySettings) -> None:
        self._operations = operations
        self._allowed_origins = settings.allowed_origins
        self._max_running = settings.max_subscriptions
        # Twice in the time between two signs of life, so that what was said just after one is no reason to wait for longer.
        signs = Deadlines(settings.ws_ping_interval_s / 2 or inf, Connection.give_sign)
        self._patience = Patience(settings.init_timeout_s, settings.stall_timeout_s, signs)
        self._connections: set[Connection] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if not is_origin_allowed(Headers(scope=scope), self._allowed_origins):
            # Before it is accepted: the client gets a 403.
            await send({"type": "websocket.close"})
            return
        try:
            await self._accept(scope, receive, send)
        except OSError:
            # It left before it was in.
            return

    async def close_all(self) -> None:
        """Tell every client that the server goes away; they come back, to another replica or to the next start."""
        await asyncio.gather(*(each.close(GOING_AWAY, "server stops") for each in self._connections))

    async def _accept(self, scope: Scope, receive: Receive, send: Send) -> None:
        subprotocol = choose_subprotocol(scope.get("subprotocols", ()))
        await send({"type": "websocket.accept", "subprotocol": subprotocol})
        if subprotocol is None:
            # Accepted all the same: a handshake that fails tells a browser's script nothing.
            reason = f"Subprotocol not acceptable: expected {' or '.join(SUBPROTOCOLS)}"
            await send({"type": "websocket.close", "code": SUBPROTOCOL_NOT_ACCEPTABLE, "reason": reason})
            return
        protocol = SUBPROTOCOLS[subprotocol](self._max_running)
        offered: Any = scope.get("extensions") or {}
        connection = Connection(
            protocol,
            self._operations,
            self._patience,
            receive,
            send,
            sink=offered.get(SINK),
        )
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)


def choose_subprotocol(offered: Iterable[str]) -> str | None:
    """The best that the client speaks too."""
    spoken = set(offered)
    return next((each for each in SUBPROTOCOLS if each in spoken), None)
