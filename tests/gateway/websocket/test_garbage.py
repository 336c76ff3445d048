"""A connection that ends is freed at once, without the garbage collector.

One left 90 objects and 30 KB to it, and those of long connections were freed after 50 million allocations only.
"""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.frames import Frame, Opcode

from gateway.app import GatewayApp, create_app
from gateway.gateway import Gateway
from gateway.settings import GatewaySettings
from gateway.websocket.connection import Connection
from gateway.websocket.protocol import GatewayWebSocketProtocol
from tests.garbage import counting_garbage
from tests.gateway.fakes import wait_until
from tests.gateway.wire import UPGRADE, Wire, connected

pytestmark = pytest.mark.slow

CONNECTIONS = 5
SUBSCRIPTION = "subscription { rates(maxSilenceMs: 2%d000) { cursor } }"
INVALID = "subscription { nothing%d }"


@asynccontextmanager
async def open_socket(
    gateway: Gateway, app: GatewayApp
) -> AsyncIterator[tuple[GatewayWebSocketProtocol, Wire]]:
    """A WebSocket whose transport keeps no protocol, once it is closed, as that of a server."""
    async with connected(gateway, app) as (protocol, wire):
        protocol.data_received(UPGRADE)
        await wait_until(lambda: b"101 Switching Protocols" in b"".join(wire.written))
        websocket = wire.websocket
        yield websocket, wire
        websocket.connection_lost(None)
        wire.protocol = None
        await wait_until(lambda: not websocket.tasks)


async def use_socket(gateway: Gateway, app: GatewayApp, query: str, answer: bytes) -> None:
    """Open a WebSocket, send an operation, wait for its answer, and lose the connection."""
    async with open_socket(gateway, app) as (protocol, wire):
        for message in (
            '{"type":"connection_init"}',
            f'{{"type":"subscribe","id":"1","payload":{{"query":"{query}"}}}}',
        ):
            protocol.data_received(Frame(Opcode.TEXT, message.encode()).serialize(mask=True))
        await wait_until(lambda: answer in b"".join(wire.written))


@pytest.mark.parametrize(
    ("query", "answer"), [(SUBSCRIPTION, b'"next"'), (INVALID, b'"error"')], ids=["subscription", "rejected"]
)
async def test_a_connection_leaves_nothing_to_the_garbage_collector(
    gateway_with_rate: Gateway, query: str, answer: bytes
) -> None:
    """Neither what it has subscribed to, nor an operation that was rejected."""
    app = create_app(gateway_with_rate, GatewaySettings(port=0))
    await use_socket(gateway_with_rate, app, query % 0, answer)
    with counting_garbage() as found:
        for number in range(1, CONNECTIONS + 1):
            await use_socket(gateway_with_rate, app, query % number, answer)
        left = [each for each in gc.get_objects() if isinstance(each, Connection)]
    assert left == []
    assert found.objects < 10 * CONNECTIONS
