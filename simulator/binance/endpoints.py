"""Binance's two WebSocket endpoints and their refusals at the handshake [exchanges.md 1.5]."""

import json
import math
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from simulator.binance.api_connection import (
    CONNECTION_WEIGHT,
    ENDPOINT,
    PATH,
    ApiConnection,
    RequestInterceptor,
)
from simulator.binance.errors import BinanceError, too_many_connections
from simulator.binance.limits import ATTEMPTS_WINDOW, RequestWeightLimit
from simulator.binance.stream_connection import StreamConnection, parse_target
from simulator.binance.stream_subscriptions import StreamSubscriptions
from simulator.client_limit_monitor import ClientLimitMonitor
from simulator.client_socket import ClientSocket
from simulator.endpoint import address_of
from simulator.limits import RollingLimit
from simulator.nanotime import MS, to_ms
from simulator.settings import SimulatorSettings
from simulator.simulation_loop import SimulationLoop
from simulator.sources import BINANCE


class StreamsEndpoint:
    """The market streams' endpoint."""

    source = BINANCE
    name = "streams"

    def __init__(
        self, simulation: SimulationLoop, monitor: ClientLimitMonitor, settings: SimulatorSettings
    ) -> None:
        self._simulation = simulation
        self._monitor = monitor
        self._settings = settings
        self._attempts = RollingLimit(settings.binance_connections_per_5_minutes, ATTEMPTS_WINDOW)

    def matches(self, path: str) -> bool:
        """Whether the path is `/ws`, `/ws/<stream>` or `/stream`."""
        return parse_target(path) is not None

    def check_handshake(self, connection: ServerConnection, request: Request, now_ns: int) -> Response | None:
        """Refuse too many connection attempts, and too many streams in the URL."""
        target = parse_target(request.path)
        if target is not None and len(target[1]) > self._settings.binance_streams_per_connection:
            self._monitor.record_violation("streams_per_connection", now_ns)
            return connection.respond(HTTPStatus.BAD_REQUEST, "Too many subscriptions\n")
        return _admit(connection, self._monitor, self.name, now_ns, lambda: self._attempt(connection, now_ns))

    async def serve(self, connection: ClientSocket, request: Request) -> None:
        """Serve one client."""
        target = parse_target(request.path)
        assert target is not None
        subscriptions = StreamSubscriptions(
            target[1],
            combined=target[0],
            limit=self._settings.binance_streams_per_connection,
            nested_errors=self._settings.binance_nested_errors,
        )
        await StreamConnection(
            connection, subscriptions, self._simulation, self._monitor, self._settings
        ).serve()

    def _attempt(self, connection: ServerConnection, now_ns: int) -> None:
        _count_attempt(self._attempts, self._monitor, connection, now_ns)


class ApiEndpoint:
    """The WebSocket API's endpoint."""

    source = BINANCE
    name = ENDPOINT

    def __init__(
        self,
        simulation: SimulationLoop,
        monitor: ClientLimitMonitor,
        weights: RequestWeightLimit,
        interceptor: RequestInterceptor,
        settings: SimulatorSettings,
    ) -> None:
        self._simulation = simulation
        self._monitor = monitor
        self._weights = weights
        self._interceptor = interceptor
        self._settings = settings
        self._attempts = RollingLimit(settings.binance_connections_per_5_minutes, ATTEMPTS_WINDOW)

    def matches(self, path: str) -> bool:
        """Whether the path is `/ws-api/v3`."""
        return path == PATH

    def check_handshake(
        self, connection: ServerConnection, _request: Request, now_ns: int
    ) -> Response | None:
        """Refuse too many attempts, and clients over the request weight or banned."""
        return _admit(connection, self._monitor, self.name, now_ns, lambda: self._attempt(connection, now_ns))

    async def serve(self, connection: ClientSocket, request: Request) -> None:
        """Serve one client."""
        returns_limits = parse_qs(urlsplit(request.path).query).get("returnRateLimits", ["true"])[-1]
        session = ApiConnection(
            connection,
            address_of(connection),
            self._simulation,
            self._monitor,
            self._weights,
            interceptor=self._interceptor,
            settings=self._settings,
            shows_limits=returns_limits.lower() != "false",
        )
        await session.serve()

    def _attempt(self, connection: ServerConnection, now_ns: int) -> None:
        _count_attempt(self._attempts, self._monitor, connection, now_ns)
        self._weights.spend(address_of(connection), CONNECTION_WEIGHT, now_ns)


def _count_attempt(
    attempts: RollingLimit, monitor: ClientLimitMonitor, connection: ServerConnection, now_ns: int
) -> None:
    retry_at_ns = attempts.retry_at(address_of(connection), now_ns)
    if retry_at_ns is not None:
        monitor.record_violation("connections_per_5_minutes", now_ns)
        raise too_many_connections(to_ms(retry_at_ns))


def _admit(
    connection: ServerConnection,
    monitor: ClientLimitMonitor,
    endpoint: str,
    now_ns: int,
    count: Callable[[], None],
) -> Response | None:
    try:
        count()
    except BinanceError as error:
        retry_at_ns = None if error.retry_at_ms is None else error.retry_at_ms * MS
        monitor.record_refusal(endpoint, now_ns, retry_at_ns)
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
