"""Binance's two socket services: who is refused at the handshake, and how [exchanges.md 1.5]."""

import json
import math
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from simulator.binance.errors import BinanceError, too_many_connections
from simulator.binance.limits import ATTEMPTS_WINDOW, RequestWeight
from simulator.binance.streams import StreamConnection, parse_target
from simulator.binance.subscriptions import Subscriptions
from simulator.binance.ws_api import CONNECTION_WEIGHT, DOOR, PATH, ApiSession, Disturbance
from simulator.conduct import Conduct
from simulator.connection import ClientSocket
from simulator.limits import RollingLimit
from simulator.moments import MS, to_ms
from simulator.player import Player
from simulator.settings import SimulatorSettings
from simulator.socket_server import address_of
from simulator.sources import BINANCE


class StreamsDoor:
    """The market streams."""

    source = BINANCE
    name = "streams"

    def __init__(self, player: Player, conduct: Conduct, settings: SimulatorSettings) -> None:
        self._player = player
        self._conduct = conduct
        self._settings = settings
        self._attempts = RollingLimit(settings.binance_connections_per_5_minutes, ATTEMPTS_WINDOW)

    def leads(self, path: str) -> bool:
        """`/ws`, `/ws/<stream>` and `/stream`."""
        return parse_target(path) is not None

    def admit(self, connection: ServerConnection, request: Request, now_ns: int) -> Response | None:
        """Refuse too many attempts, and too many streams in the address."""
        target = parse_target(request.path)
        if target is not None and len(target[1]) > self._settings.binance_streams_per_connection:
            self._conduct.violate("streams_per_connection", now_ns)
            return connection.respond(HTTPStatus.BAD_REQUEST, "Too many subscriptions\n")
        return _admit(connection, self._conduct, self.name, now_ns, lambda: self._attempt(connection, now_ns))

    async def serve(self, connection: ClientSocket, request: Request) -> None:
        """Send streams."""
        target = parse_target(request.path)
        assert target is not None
        subscriptions = Subscriptions(
            target[1],
            combined=target[0],
            limit=self._settings.binance_streams_per_connection,
            nested_errors=self._settings.binance_nested_errors,
        )
        await StreamConnection(connection, subscriptions, self._player, self._conduct, self._settings).serve()

    def _attempt(self, connection: ServerConnection, now_ns: int) -> None:
        _count_attempt(self._attempts, self._conduct, connection, now_ns)


class ApiDoor:
    """The WebSocket API."""

    source = BINANCE
    name = DOOR

    def __init__(
        self,
        player: Player,
        conduct: Conduct,
        weights: RequestWeight,
        disturbance: Disturbance,
        settings: SimulatorSettings,
    ) -> None:
        self._player = player
        self._conduct = conduct
        self._weights = weights
        self._disturbance = disturbance
        self._settings = settings
        self._attempts = RollingLimit(settings.binance_connections_per_5_minutes, ATTEMPTS_WINDOW)

    def leads(self, path: str) -> bool:
        """`/ws-api/v3`."""
        return path == PATH

    def admit(self, connection: ServerConnection, _request: Request, now_ns: int) -> Response | None:
        """Refuse too many attempts, and who is over the weight of this minute or banned."""
        return _admit(connection, self._conduct, self.name, now_ns, lambda: self._attempt(connection, now_ns))

    async def serve(self, connection: ClientSocket, request: Request) -> None:
        """Answer requests."""
        wish = parse_qs(urlsplit(request.path).query).get("returnRateLimits", ["true"])[-1]
        session = ApiSession(
            connection,
            address_of(connection),
            self._player,
            self._conduct,
            self._weights,
            disturbance=self._disturbance,
            settings=self._settings,
            shows_limits=wish.lower() != "false",
        )
        await session.serve()

    def _attempt(self, connection: ServerConnection, now_ns: int) -> None:
        _count_attempt(self._attempts, self._conduct, connection, now_ns)
        self._weights.spend(address_of(connection), CONNECTION_WEIGHT, now_ns)


def _count_attempt(
    attempts: RollingLimit, conduct: Conduct, connection: ServerConnection, now_ns: int
) -> None:
    retry_at_ns = attempts.retry_at(address_of(connection), now_ns)
    if retry_at_ns is not None:
        conduct.violate("connections_per_5_minutes", now_ns)
        raise too_many_connections(to_ms(retry_at_ns))


def _admit(
    connection: ServerConnection, conduct: Conduct, door: str, now_ns: int, count: Callable[[], None]
) -> Response | None:
    try:
        count()
    except BinanceError as error:
        retry_at_ns = None if error.retry_at_ms is None else error.retry_at_ms * MS
        conduct.refuse(door, now_ns, retry_at_ns)
        return _refusal(connection, error, to_ms(now_ns))
    return None


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
