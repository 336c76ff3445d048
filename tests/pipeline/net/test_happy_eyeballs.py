"""Connections to a host with one address that never answers and one that does (RFC 8305)."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta

import pytest
import uvloop
from aiohappyeyeballs import AddrInfoType
from websockets.asyncio.server import ServerConnection, serve

from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.net.rest_client import open_rest_client
from pipeline.net.tcp import connect_tcp
from pipeline.net.websocket import open_websocket
from rates.clock import utc_now
from rates.source import Source
from tests.pipeline.http_server import open_server

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 needs no set-up on Linux only"),
]

# The system gives up on the silent address after two minutes; the fallback delay is 250 ms.
PATIENCE_S = 20
Run = Callable[[Coroutine[None, None, None]], None]


@contextmanager
def silent_address(port: int) -> Iterator[None]:
    """Let 127.0.0.2 ignore every new connection to the port: a listener whose backlog is full."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.2", port))
        listener.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            with suppress(BlockingIOError):
                filler.connect(("127.0.0.2", port))
        yield


def address(host: str, port: int) -> AddrInfoType:
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))


async def resolve(_host: str, port: int) -> Sequence[AddrInfoType]:
    """A resolver that names the silent address first."""
    return [address("127.0.0.2", port), address("127.0.0.1", port)]


@asynccontextmanager
async def websocket_server() -> AsyncIterator[int]:
    async def greet(connection: ServerConnection) -> None:
        await connection.send("hello")
        await connection.wait_closed()

    async with serve(greet, "127.0.0.1", 0) as server:
        yield next(iter(server.sockets)).getsockname()[1]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_websocket_is_opened_at_the_address_that_answers(run: Run) -> None:
    """On both event loops; uvloop alone would wait for the silent address until the timeout."""

    async def scenario() -> None:
        async with websocket_server() as port:
            with silent_address(port):
                opened = open_websocket(
                    Source.KRAKEN,
                    f"ws://source.test:{port}",
                    open_timeout=timedelta(seconds=PATIENCE_S),
                    simulated=False,
                    clock=utc_now,
                    ping_interval=None,
                    resolve=resolve,
                )
                async with opened as connection:
                    assert await connection.recv() == "hello"

    run(scenario())


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_the_silent_address_alone_ends_with_the_timeout(run: Run) -> None:
    """The test above would pass without Happy Eyeballs if that address answered."""

    async def silent_only(_host: str, port: int) -> Sequence[AddrInfoType]:
        return [address("127.0.0.2", port)]

    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with silent_address(port), pytest.raises(TimeoutError):
            async with asyncio.timeout(0.6):
                await connect_tcp("source.test", port, resolve=silent_only)

    run(scenario())


async def test_a_host_without_addresses_is_an_error() -> None:
    """Not one of the library's."""

    async def none(_host: str, _port: int) -> Sequence[AddrInfoType]:
        return []

    with pytest.raises(OSError, match="no address"):
        await connect_tcp("source.test", 1, resolve=none)


async def test_a_rest_call_is_made_at_the_address_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """By anyio, below httpx."""

    async def getaddrinfo(_host: object, port: int, **_: object) -> Sequence[AddrInfoType]:
        return await resolve("", port)

    async with open_server() as server:
        port = int(server.url.rpartition(":")[2])
        with silent_address(port):
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
            opened = open_rest_client(
                Source.KRAKEN,
                f"http://source.test:{port}",
                MemoryCooldown(utc_now),
                simulated=False,
                clock=utc_now,
                timeout_s=PATIENCE_S,
            )
            async with opened as rest:
                assert await rest.fetch_json("/") == b"{}"
