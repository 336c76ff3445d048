"""The socket services' front door: which address leads where, who is refused at the handshake, and the label."""

import json
import math
import socket
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from simulator.binance.connection import BinanceConnection
from simulator.binance.errors import BinanceError
from simulator.binance.limits import ConnectionAttempts, RequestWeight
from simulator.binance.streams import StreamConnection, parse_target
from simulator.binance.subscriptions import Subscriptions
from simulator.binance.ws_api import CONNECTION_WEIGHT, PATH, ApiSession
from simulator.label import LABEL_HEADER
from simulator.moments import to_ms
from simulator.player import Player
from simulator.settings import SimulatorSettings

LARGEST_MESSAGE = 1 << 20
CLOSE_SECONDS = 2.0


class SocketServer:
    """Both of Binance's socket services on one listening socket, told apart by path."""

    def __init__(self, player: Player, weights: RequestWeight, settings: SimulatorSettings) -> None:
        self._player = player
        self._weights = weights
        self._settings = settings
        self._api_attempts = ConnectionAttempts(settings.binance_connections_per_5_minutes)
        self._stream_attempts = ConnectionAttempts(settings.binance_connections_per_5_minutes)

    def listen(self, sock: socket.socket) -> AbstractAsyncContextManager[Server]:
        """Serve on a bound socket while the context is open; connections are closed with 1001 at its end."""
        return serve(
            self._serve,
            sock=sock,
            process_request=self._admit,
            process_response=self._label,
            create_connection=BinanceConnection,
            compression=None,
            ping_interval=None,
            close_timeout=CLOSE_SECONDS,
            max_size=LARGEST_MESSAGE,
            server_header=None,
        )

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        address, now_ns = _address(connection), self._player.clock()
        is_api = urlsplit(request.path).path == PATH
        if not is_api and (target := parse_target(request.path)) is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "Not found\n")
        if (
            not is_api
            and target is not None
            and len(target[1]) > self._settings.binance_streams_per_connection
        ):
            return connection.respond(HTTPStatus.BAD_REQUEST, "Too many subscriptions\n")
        try:
            (self._api_attempts if is_api else self._stream_attempts).attempt(address, now_ns)
            if is_api:
                self._weights.spend(address, CONNECTION_WEIGHT, now_ns)
        except BinanceError as error:
            return _refusal(connection, error, to_ms(now_ns))
        return None

    def _label(self, _connection: ServerConnection, _request: Request, response: Response) -> None:
        response.headers[LABEL_HEADER] = self._player.world.label

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, BinanceConnection)
        assert connection.request is not None
        target = parse_target(connection.request.path)
        if target is None:
            await self._session(connection, connection.request).serve()
            return
        combined, streams = target
        subscriptions = Subscriptions(
            streams,
            combined=combined,
            limit=self._settings.binance_streams_per_connection,
            nested_errors=self._settings.binance_nested_errors,
        )
        await StreamConnection(connection, subscriptions, self._player, self._settings).serve()

    def _session(self, connection: BinanceConnection, request: Request) -> ApiSession:
        wish = parse_qs(urlsplit(request.path).query).get("returnRateLimits", ["true"])[-1]
        return ApiSession(
            connection,
            _address(connection),
            self._player,
            self._weights,
            self._settings,
            shows_limits=wish.lower() != "false",
        )


def _address(connection: ServerConnection) -> str:
    return str(connection.remote_address[0])


def _refusal(connection: ServerConnection, error: BinanceError, now_ms: int) -> Response:
    response = connection.respond(
        HTTPStatus.TOO_MANY_REQUESTS, json.dumps({"code": error.code, "msg": error.message})
    )
    response.status_code = error.status
    response.reason_phrase = "I'm a teapot" if error.status == 418 else response.reason_phrase
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    if error.retry_at_ms is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil((error.retry_at_ms - now_ms) / 1000)))
    return response
