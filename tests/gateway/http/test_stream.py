"""Streams by themselves, with a client in the hands of the test."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from typing import NoReturn

from starlette.types import Message

from access.authority import KeyAuthority
from gateway.client_connections import ClientConnections
from gateway.http.sse import EventFraming
from gateway.http.stream import HttpExchange, Streams, write_results
from gateway.keyed_connections import KeyedConnections
from gateway.schema.context import OperationMetadata
from rates.clock import utc_now
from tests.gateway.raw_socket import TIMEOUT_S


async def never() -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError("nothing sets the event")


async def results() -> AsyncGenerator[bytes, None]:
    yield b"{}"
    await never()


async def test_a_stream_that_is_still_opening_when_the_server_stops_ends_too() -> None:
    """Its client has not taken the answer before it yet."""
    connections, framing = ClientConnections(), EventFraming()
    streams = Streams(
        connections, KeyedConnections(KeyAuthority(), utc_now), heartbeat_s=60, stall_timeout_s=60
    )
    begun, room = asyncio.Event(), asyncio.Event()
    sent: list[Message] = []

    async def send(message: Message) -> None:
        begun.set()
        await room.wait()
        sent.append(message)

    client = HttpExchange({"type": "http"}, never, send)
    serving = asyncio.create_task(
        streams.serve(framing, partial(write_results, framing, results(), OperationMetadata()), client)
    )
    await begun.wait()
    await connections.end_all(0)
    room.set()
    async with asyncio.timeout(TIMEOUT_S):
        await serving
    assert sent[0]["status"] == 200
    assert sent[-1] == {"type": "http.response.body", "body": framing.interrupted, "more_body": False}
