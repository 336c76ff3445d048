"""Interface of one WebSocket service of one exchange, as the socket server calls it."""

from typing import Protocol

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from simulator.client_socket import ClientSocket


class Endpoint(Protocol):
    """One WebSocket service of one exchange."""

    @property
    def source(self) -> str:
        """The source that offers the service."""

    @property
    def name(self) -> str:
        """The name of the service within its source."""

    def matches(self, path: str) -> bool:
        """Whether a request path (without its query) belongs to this service."""

    def check_handshake(
        self, connection: ServerConnection, request: Request, now_ns: int, /
    ) -> Response | None:
        """Return the refusal of a handshake, or None to accept it."""

    async def serve(self, connection: ClientSocket, request: Request, /) -> None:
        """Serve one client until either side closes."""


def address_of(connection: ServerConnection) -> str:
    """The client's IP address, which limits are counted by."""
    return str(connection.remote_address[0])
