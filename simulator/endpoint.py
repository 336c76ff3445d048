"""Interface of one WebSocket service of one exchange, as the socket server calls it."""

from typing import Protocol

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from simulator.client_socket import ClientSocket


class Endpoint(Protocol):
    """One socket service of one exchange."""

    @property
    def source(self) -> str:
        """Whose it is."""

    @property
    def name(self) -> str:
        """Which of its services it is."""

    def matches(self, path: str) -> bool:
        """Whether a request path (without its query) is this service's."""

    def check_handshake(self, connection: ServerConnection, request: Request, now_ns: int) -> Response | None:
        """A refusal, or None to let the client in."""

    async def serve(self, connection: ClientSocket, request: Request) -> None:
        """Talk to a client until either side closes."""


def address_of(connection: ServerConnection) -> str:
    """The client's address, which limits are counted by."""
    return str(connection.remote_address[0])
