"""The stop of a gateway process: it moves its clients to other gateways before it ends."""

import asyncio

import structlog
import uvicorn

from gateway.client_connections import ClientConnections
from gateway.gateway import Gateway
from gateway.http.protocol import GatewayHttpProtocol
from gateway.settings import GatewaySettings

POLL_S = 0.05

log = structlog.get_logger("ratewire.gateway")


async def drain(
    gateway: Gateway, server: uvicorn.Server, connections: ClientConnections, settings: GatewaySettings
) -> None:
    """Turn not ready, stop accepting, then end WebSockets and streams one after the other.

    Returns when no connection is left, or after `drain_s` seconds. Requests are answered all the while, the last of each
    connection with `Connection: close`.
    """
    gateway.is_stopping = True
    log.info("gateway drains", connections=len(connections), seconds=settings.drain_s)
    await asyncio.sleep(settings.drain_notice_s)
    for each in getattr(server, "servers", ()):
        each.close()
    loop = asyncio.get_running_loop()
    end_at = loop.time() + settings.drain_s
    _announce_close(server)
    await connections.end_all(settings.drain_s)
    # A request may be on its way on an idle connection. Its client or the keep-alive timeout closes it.
    while server.server_state.connections and loop.time() < end_at:
        _announce_close(server)
        await connections.end_all(0)
        await asyncio.sleep(POLL_S)
    connections.is_closed = True
    await connections.end_all(0)


def _announce_close(server: uvicorn.Server) -> None:
    """Have each HTTP connection closed by its next response."""
    for each in server.server_state.connections:
        if isinstance(each, GatewayHttpProtocol):
            each.close_after_response()
