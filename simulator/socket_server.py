"""The front door of all socket services: which address leads where, who is refused at the handshake, and the label."""

import socket
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from simulator.conduct import Conducts
from simulator.connection import ClientSocket
from simulator.faults.board import FaultBoard
from simulator.faults.lines import Line, Lines
from simulator.faults.refusals import refusal_of
from simulator.label import LABEL_HEADER
from simulator.player import Player

LARGEST_MESSAGE = 1 << 20
CLOSE_SECONDS = 2.0
REASONS = {418: "I'm a teapot"}


class Door(Protocol):
    """One socket service of one exchange."""

    @property
    def source(self) -> str:
        """Whose it is."""

    @property
    def name(self) -> str:
        """Which of its services it is."""

    def leads(self, path: str) -> bool:
        """Whether a request path (without its query) is this service's."""

    def admit(self, connection: ServerConnection, request: Request, now_ns: int) -> Response | None:
        """A refusal, or None to let the client in."""

    async def serve(self, connection: ClientSocket, request: Request) -> None:
        """Talk to a client until either side closes."""


class SocketServer:
    """All socket services on one listening socket, told apart by path."""

    def __init__(self, player: Player, doors: Sequence[Door], conducts: Conducts, board: FaultBoard) -> None:
        self._player = player
        self._doors = doors
        self._conducts = conducts
        self._board = board
        self._lines = Lines(board)
        player.connections.add(self._lines)

    def listen(self, sock: socket.socket) -> AbstractAsyncContextManager[Server]:
        """Serve on a bound socket while the context is open; connections are closed with 1001 at its end."""
        return serve(
            self._serve,
            sock=sock,
            process_request=self._admit,
            process_response=self._label,
            create_connection=ClientSocket,
            compression=None,
            ping_interval=None,
            close_timeout=CLOSE_SECONDS,
            max_size=LARGEST_MESSAGE,
            server_header=None,
        )

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        door = self._door(request)
        if door is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "Not found\n")
        now_ns = self._player.clock()
        self._conducts.of(door.source).attempt(door.name, now_ns)
        if (cut := self._board.find(door.source, "refuse-connections")) is not None:
            cut.hit()
            connection.transport.abort()
        return door.admit(connection, request, now_ns) or self._refusal(connection, door, now_ns)

    def _refusal(self, connection: ServerConnection, door: Door, now_ns: int) -> Response | None:
        refusal = refusal_of(self._board, door.source)
        if refusal is None:
            return None
        self._conducts.of(door.source).refuse(door.name, now_ns, refusal.retry_at_ns(now_ns))
        response = connection.respond(HTTPStatus.BAD_GATEWAY, refusal.body)
        response.status_code = refusal.status
        response.reason_phrase = REASONS.get(refusal.status, HTTPStatus(refusal.status).phrase)
        for name, value in refusal.headers().items():
            response.headers.pop(name, None)
            response.headers[name] = value
        return response

    def _label(self, _connection: ServerConnection, _request: Request, response: Response) -> None:
        response.headers[LABEL_HEADER] = self._player.world.label

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, ClientSocket)
        assert connection.request is not None
        door = self._door(connection.request)
        assert door is not None
        conduct = self._conducts.of(door.source)
        combined = connection.request.path.startswith("/stream")
        line = Line(door.source, door.name, connection, self._player.clock(), combined)
        conduct.open_connections += 1
        try:
            with self._lines.open(line):
                await door.serve(connection, connection.request)
        finally:
            conduct.open_connections -= 1

    def _door(self, request: Request) -> Door | None:
        path = urlsplit(request.path).path.rstrip("/")
        return next((door for door in self._doors if door.leads(path)), None)


def address_of(connection: ServerConnection) -> str:
    """The client's address, which limits are counted by."""
    return str(connection.remote_address[0])
