"""WebSockets on `/graphql`: checks origins, chooses subprotocols, tracks connections."""

from collections.abc import Callable, Iterable
from functools import partial
from math import inf
from typing import Any

import structlog
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from gateway.admission import Admission
from gateway.authentication import Authentication, RawHeaders
from gateway.budgets.client_accounts import ClientAccounts
from gateway.budgets.open_stream import OpenSocket, PlanLimitReached
from gateway.client_connections import RETRY_AFTER_S, ClientConnections
from gateway.client_limits import ClientLimitReached, ClientLimits, read_address
from gateway.keyed_connections import KeyedConnections
from gateway.operations import Operations
from gateway.origins import OriginPolicy
from gateway.results import encode
from gateway.settings import GatewaySettings
from gateway.turn_budget import TurnBudget
from gateway.websocket import graphql_transport_ws, subscriptions_transport_ws
from gateway.websocket.connection import Connection, ConnectionTimeouts
from gateway.websocket.graphql_transport_ws import GraphQLTransportWs
from gateway.websocket.subprotocol import (
    SUBPROTOCOL_NOT_ACCEPTABLE,
    TRY_AGAIN_LATER,
    Subprotocol,
    clip_reason,
)
from gateway.websocket.subscription_slots import SubscriptionSlots
from gateway.websocket.subscriptions_transport_ws import SubscriptionsTransportWs
from gateway.websocket.timeouts import SharedTimeouts
from gateway.websocket.write_queue import FRAME_WRITER

# In the order of preference.
SUBPROTOCOLS: dict[str, Callable[[int], Subprotocol]] = {
    graphql_transport_ws.SUBPROTOCOL: GraphQLTransportWs,
    subscriptions_transport_ws.SUBPROTOCOL: SubscriptionsTransportWs,
}

SERVICE_UNAVAILABLE, BAD_REQUEST = "SERVICE_UNAVAILABLE", "BAD_REQUEST"
# nginx asks for a status, because it can try another gateway (`nginx/templates/ratewire.conf.template`).
HANDSHAKE_STATUS = "x-ratewire-handshake-status"

log = structlog.get_logger("ratewire.gateway.socket")


class WebSocketEndpoint:
    """An ASGI app for scopes of type `websocket`."""

    def __init__(
        self,
        operations: Operations,
        settings: GatewaySettings,
        connections: ClientConnections,
        *,
        admission: Admission,
        limits: ClientLimits,
        origins: OriginPolicy,
        authentication: Authentication,
        keyed_connections: KeyedConnections,
        clients: ClientAccounts,
    ) -> None:
        self._authentication = authentication
        self._keyed_connections = keyed_connections
        self._clients = clients
        self._admission = admission
        self._limits = limits
        self._operations = operations
        self._origins = origins
        self._serving = TurnBudget()
        self._max_running = settings.max_subscriptions
        # Checked every half interval: a message sent just after a keepalive must not delay the next one beyond the interval.
        keepalives = SharedTimeouts(settings.ws_ping_interval_s / 2 or inf, Connection.send_keepalive)
        self._timeouts = ConnectionTimeouts(settings.init_timeout_s, settings.stall_timeout_s, keepalives)
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        origin = _read_origin(scope["headers"])
        try:
            if origin is not None and not self._origins.allows(Headers(scope=scope)):
                self._origins.log_refusal(origin, "websocket")
                await _refuse(403, self._origins.refusal(origin), send)
            elif (refusal := self._connections.refusal) is not None:
                error = {"message": refusal, "extensions": {"code": SERVICE_UNAVAILABLE}}
                await _send_away(error, scope, send, tries_others=True)
            else:
                await self._accept_within_limits(scope, receive, send)
        except OSError:
            # The client disconnected before it was accepted.
            return

    async def _accept_within_limits(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = read_address(scope)
        try:
            self._limits.sockets.take(address)
        except ClientLimitReached as exc:
            await self._send_away_in_time(exc, scope, send)
            return
        reached: PlanLimitReached | None = None
        # No `ExitStack`: it takes 1.5 KB for each connection.
        try:
            socket = OpenSocket(self._clients.of_address(scope))
            try:
                await self._accept(scope, receive, send, address, socket)
            finally:
                socket.close()
        except PlanLimitReached as exc:
            reached = exc
        finally:
            self._limits.sockets.release(address)
        if reached is not None:
            await self._send_away_in_time(reached, scope, send)

    async def _send_away_in_time(self, reached: ClientLimitReached, scope: Scope, send: Send) -> None:
        """End a handshake beyond a limit; slowly if its address sends many of those."""
        if reached.is_of_address:
            await self._clients.of_address(scope).refusals.wait_if_behind()
        error = {"message": str(reached), "extensions": reached.extensions}
        await _send_away(error, scope, send, tries_others=not reached.is_of_address)

    async def _accept(
        self, scope: Scope, receive: Receive, send: Send, address: str, socket: OpenSocket
    ) -> None:
        subprotocol = choose_subprotocol(scope.get("subprotocols", ()))
        await send({"type": "websocket.accept", "subprotocol": subprotocol})
        if subprotocol is None:
            # Accepted first: a script in a browser cannot see why a handshake failed.
            reason = f"Subprotocol not acceptable: expected {' or '.join(SUBPROTOCOLS)}"
            await send({"type": "websocket.close", "code": SUBPROTOCOL_NOT_ACCEPTABLE, "reason": reason})
            return
        protocol = SUBPROTOCOLS[subprotocol](self._max_running)
        offered: Any = scope.get("extensions") or {}
        connection = Connection(
            protocol,
            self._operations,
            self._timeouts,
            receive,
            send,
            admission=self._admission,
            subscriptions=SubscriptionSlots(self._limits.subscriptions, address, self._clients.accounts),
            serving=self._serving,
            clients=self._clients,
            scope=scope,
            socket=socket,
            writer=offered.get(FRAME_WRITER),
            initialise=partial(self._initialise, scope),
        )
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            self._keyed_connections.discard(connection)

    async def _initialise(self, scope: Scope, connection: Connection, payload: dict[str, Any] | None) -> None:
        """Find the principal of a connection.

        Raises:
            Unauthenticated, Forbidden, AccessUnavailable: it is not let in.
        """
        connection.principal = await self._authentication.authenticate_connection(scope["headers"], payload)
        self._keyed_connections.add(connection)


async def refuse_handshake(socket: WebSocket) -> None:
    """Refuse a WebSocket at another address than that of GraphQL."""
    message = f"no WebSocket at {socket.url.path[:100]!r}: expected /graphql"
    await socket.receive()
    await _refuse(404, {"message": message, "extensions": {"code": BAD_REQUEST}}, socket.send)


async def _send_away(error: dict[str, Any], scope: Scope, send: Send, *, tries_others: bool) -> None:
    """End a handshake for a reason that passes.

    npm `graphql-ws` never comes back after a status.

    Where nginx asks for a status, and another gateway may have room, it gets one, and tries the others first.
    """
    if tries_others and HANDSHAKE_STATUS in Headers(scope=scope):
        await _refuse(503, error, send)
        return
    subprotocol = choose_subprotocol(scope.get("subprotocols", ()))
    await send({"type": "websocket.accept", "subprotocol": subprotocol})
    reason = clip_reason(error["message"])
    await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": reason})


async def _refuse(status: int, error: dict[str, Any], send: Send) -> None:
    """Answer a handshake with an error. After a 503 nginx tries another gateway."""
    headers = [(b"content-type", b"application/json")]
    if status == 503:
        headers.append((b"retry-after", b"%d" % RETRY_AFTER_S))
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": encode({"errors": [error]})})


def _read_origin(headers: RawHeaders) -> str | None:
    """Return the origin of the page that opens a WebSocket; `None` from other clients."""
    for name, value in headers:
        if name == b"origin":
            return value.decode("latin-1")
    return None


def choose_subprotocol(offered: Iterable[str]) -> str | None:
    """The preferred subprotocol among those offered by the client; `None` if none is supported."""
    offers = set(offered)
    for each in SUBPROTOCOLS:
        if each in offers:
            return each
    return None
