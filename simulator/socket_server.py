"""WebSocket server of all services: routes by path, refuses handshakes, adds the label."""

import socket
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from simulator.client_limit_monitor import ClientLimitMonitors
from simulator.client_socket import ClientSocket
from simulator.endpoint import Endpoint
from simulator.faults.active_faults import ActiveFaults
from simulator.faults.open_connections import OpenConnection, OpenConnections
from simulator.faults.refusals import refusal_of
from simulator.label_middleware import LABEL_HEADER
from simulator.simulation_loop import SimulationLoop

LARGEST_MESSAGE = 1 << 20
CLOSE_SECONDS = 2.0
REASONS = {418: "I'm a teapot"}


class SocketServer:
    """All WebSocket services on one listening socket, distinguished by path."""

    def __init__(
        self,
        simulation: SimulationLoop,
        endpoints: Sequence[Endpoint],
        monitors: ClientLimitMonitors,
        active_faults: ActiveFaults,
    ) -> None:
        self._simulation = simulation
        self._endpoints = endpoints
        self._monitors = monitors
        self._active_faults = active_faults
        self._open_connections = OpenConnections(active_faults)
        simulation.connections.add(self._open_connections)

    def listen(self, sock: socket.socket) -> AbstractAsyncContextManager[Server]:
        """Serve on a bound socket while the context is open; close connections with 1001 at its end."""
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
        endpoint = self._endpoint(request)
        if endpoint is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "Not found\n")
        now_ns = self._simulation.clock()
        self._monitors.for_source(endpoint.source).record_attempt(endpoint.name, now_ns)
        if (cut := self._active_faults.find(endpoint.source, "refuse-connections")) is not None:
            cut.record_hit()
            connection.transport.abort()
        return endpoint.check_handshake(connection, request, now_ns) or self._refusal(
            connection, endpoint, now_ns
        )

    def _refusal(self, connection: ServerConnection, endpoint: Endpoint, now_ns: int) -> Response | None:
        refusal = refusal_of(self._active_faults, endpoint.source)
        if refusal is None:
            return None
        self._monitors.for_source(endpoint.source).record_refusal(
            endpoint.name, now_ns, refusal.retry_at_ns(now_ns)
        )
        response = connection.respond(HTTPStatus.BAD_GATEWAY, refusal.body)
        response.status_code = refusal.status
        response.reason_phrase = REASONS.get(refusal.status, HTTPStatus(refusal.status).phrase)
        del response.headers["Content-Type"]
        for name, value in refusal.headers():
            response.headers[name] = value  # adds a header: two of one name are sent as two
        return response

    def _label(self, _connection: ServerConnection, _request: Request, response: Response) -> None:
        response.headers[LABEL_HEADER] = self._simulation.world.label

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, ClientSocket)
        assert connection.request is not None
        endpoint = self._endpoint(connection.request)
        assert endpoint is not None
        monitor = self._monitors.for_source(endpoint.source)
        combined = connection.request.path.startswith("/stream")
        tracked = OpenConnection(
            endpoint.source, endpoint.name, connection, self._simulation.clock(), combined
        )
        monitor.open_connections += 1
        try:
            with self._open_connections.track(tracked):
                await endpoint.serve(connection, connection.request)
        finally:
            monitor.open_connections -= 1

    def _endpoint(self, request: Request) -> Endpoint | None:
        path = urlsplit(request.path).path.rstrip("/")
        return next((endpoint for endpoint in self._endpoints if endpoint.matches(path)), None)
