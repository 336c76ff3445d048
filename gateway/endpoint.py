"""`/graphql`: one address, whose scope decides how the operations travel."""

from pathlib import Path

from starlette.types import Receive, Scope, Send

from gateway.operations import Operations
from gateway.settings import GatewaySettings
from gateway.transports.http import HttpTransport
from gateway.transports.socket import SocketTransport


class GraphQLEndpoint:
    """The endpoint, and the WebSockets and streams that are open on it."""

    def __init__(self, operations: Operations, settings: GatewaySettings, static_directory: Path) -> None:
        self.operations = operations
        self._http = HttpTransport(operations, settings, static_directory)
        self._sockets = SocketTransport(operations, settings)
        self.direct = self._http.direct

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = self._sockets if scope["type"] == "websocket" else self._http
        await transport(scope, receive, send)

    async def close_sockets(self) -> None:
        """End every open WebSocket and stream; clients come back, to another replica or to the next start."""
        await self._http.close()
        await self._sockets.close_all()
