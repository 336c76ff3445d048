"""Requests that are cancelled at their deadline, and the request after them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import httpx
import pytest

from pipeline.net.http_client import client_factory

pytestmark = pytest.mark.servers

# Turns of the event loop from the start of a call to where it waits for the answer, and some more.
TURNS_OF_A_CALL = 60


@asynccontextmanager
async def server(is_good: asyncio.Event) -> AsyncIterator[str]:
    """The address of a server that does not respond until `is_good`."""
    answering: set[asyncio.Task[None] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await is_good.wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            await writer.drain()
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        is_good.set()
        listening.close()
        await asyncio.gather(*filter(None, answering))


async def ask(connect: Callable[[], httpx.AsyncClient]) -> str:
    async with connect() as client:
        return (await client.get("/")).text


async def test_cancelled_requests_do_not_affect_the_next_one() -> None:
    """A shared connection pool would get stuck here."""
    is_good = asyncio.Event()
    async with server(is_good) as address:
        connect = client_factory(address, {}, timeout_s=5, simulated=False)
        for turns in (*range(TURNS_OF_A_CALL), *range(TURNS_OF_A_CALL)):
            call = asyncio.create_task(ask(connect))
            for _ in range(turns):
                await asyncio.sleep(0)
            call.cancel()
            with suppress(asyncio.CancelledError):
                await call
        is_good.set()
        async with asyncio.timeout(60):
            assert await ask(connect) == "{}"
