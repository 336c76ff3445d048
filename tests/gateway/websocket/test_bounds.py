"""Bounds of the memory that a WebSocket client can occupy although it reads nothing."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.frames import Frame, Opcode

from cache.memory import MemoryCache
from gateway.app import GatewayApp
from gateway.gateway import Gateway
from gateway.websocket.protocol import GatewayWebSocketProtocol
from tests.gateway.fakes import wait_until
from tests.gateway.fixture_types import BuildTicker, ReadyGateway
from tests.gateway.websocket.test_slow_readers import WIDE, stalled_reader
from tests.gateway.wire import UPGRADE, Wire, connected
from tests.lengths import only_long


@asynccontextmanager
async def upgraded(
    gateway: Gateway, app: GatewayApp | None = None
) -> AsyncIterator[tuple[GatewayWebSocketProtocol, Wire]]:
    """A WebSocket on a wire."""
    async with connected(gateway, app) as (protocol, wire):
        protocol.data_received(UPGRADE)
        await wait_until(lambda: b"101 Switching Protocols" in b"".join(wire.written))
        websocket = wire.websocket
        yield websocket, wire
        websocket.connection_lost(None)
        await wait_until(lambda: not websocket.tasks)


def ping(number: int) -> bytes:
    return Frame(Opcode.PING, b"%d" % number).serialize(mask=True)


async def test_pings_of_a_client_that_reads_nothing_are_not_piled_up(gateway_with_rate: Gateway) -> None:
    """The newest is answered when it reads on [RFC 6455, 5.5.3]."""
    async with upgraded(gateway_with_rate) as (protocol, wire):
        protocol.data_received(ping(1))
        assert wire.written[-1] == b"\x8a\x011"
        protocol.pause_writing()
        before = len(wire.written)
        for number in range(2, 10):
            protocol.data_received(ping(number))
        assert len(wire.written) == before
        protocol.resume_writing()
        assert wire.written[before:] == [b"\x8a\x019"]
        protocol.pause_writing()
        protocol.resume_writing()
        assert len(wire.written) == before + 1


async def test_a_close_behind_a_ping_is_answered_to_a_client_that_reads_nothing_too(
    gateway_with_rate: Gateway,
) -> None:
    """It ends the connection, and a client that reads on would hear it."""
    async with upgraded(gateway_with_rate) as (protocol, wire):
        protocol.pause_writing()
        protocol.data_received(ping(1) + Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True))
        assert b"".join(wire.written).endswith(b"\x8a\x011\x88\x02\x03\xe8")
        assert wire.is_closed


async def test_parts_of_a_message_that_hold_nothing_are_not_kept(gateway_with_rate: Gateway) -> None:
    """However many there are; the message is what the others hold."""
    async with upgraded(gateway_with_rate) as (protocol, wire):
        init = b'{"type":"connection_init"}'
        protocol.data_received(Frame(Opcode.TEXT, init[:5], fin=False).serialize(mask=True))
        for _ in range(1_000):
            protocol.data_received(Frame(Opcode.CONT, b"", fin=False).serialize(mask=True))
        assert len(protocol.frames) == 1
        protocol.data_received(Frame(Opcode.CONT, init[5:], fin=False).serialize(mask=True))
        protocol.data_received(Frame(Opcode.CONT, b"").serialize(mask=True))
        await wait_until(lambda: wire.written[-1].endswith(b'{"type":"connection_ack"}'))


@pytest.mark.parametrize("events", [10, 40, 90, *only_long(20, 30, 50, 60, 70, 80)])
async def test_a_client_that_closes_its_half_and_reads_nothing_is_gone_after_the_stall_timeout(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker, events: int
) -> None:
    """However much of what it was sent is unread, in its kernel, ours or our buffer."""
    async with ready_gateway(stall_timeout_s=0.3) as served, stalled_reader(served.ws, WIDE) as client:
        await served.facts(lambda seen: seen["subscribers"] == 1)
        for number in range(events):
            await cache.write([ticker(price=str(number + 1), sequence=number)])
            await asyncio.sleep(0)
        client.connection.transport.get_extra_info("socket").shutdown(socket.SHUT_WR)
        await served.facts(lambda seen: seen["subscribers"] == 0)
        client.connection.transport.abort()
