"""REST and WebSocket connections to sources, with proxies in the environment."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection, serve

from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.net.rest_client import open_rest_client
from pipeline.net.websocket import open_websocket
from rates.clock import utc_now
from rates.errors import SourceUnavailable
from rates.source import Source
from tests.pipeline.http_server import open_server
from tests.pipeline.net.proxy_server import open_proxy

pytestmark = pytest.mark.servers

# Port 9 is the one of the reported inputs: nothing listens there.
NOWHERE = ["http://127.0.0.1:9", "socks5://127.0.0.1:9"]
NO_PROXY = "localhost,fd07:b51a:cc66:f0::/64"


def websocket(url: str) -> AbstractAsyncContextManager[ClientConnection]:
    return open_websocket(
        Source.KRAKEN,
        url,
        open_timeout=timedelta(seconds=5),
        simulated=False,
        clock=utc_now,
        ping_interval=None,
    )


async def fetch(url: str) -> bytes:
    opened = open_rest_client(
        Source.KRAKEN, url, MemoryCooldown(utc_now), simulated=False, clock=utc_now, timeout_s=5
    )
    async with opened as rest:
        return await rest.fetch_json("/")


@asynccontextmanager
async def echo_server() -> AsyncIterator[int]:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0) as server:
        yield next(iter(server.sockets)).getsockname()[1]


async def echoed(url: str) -> str | bytes:
    async with websocket(url) as connection:
        await connection.send("hello")
        return await connection.recv()


@pytest.mark.parametrize("proxy", NOWHERE)
async def test_loopback_is_never_reached_through_a_proxy(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """S6: the simulator of `make run` works behind any proxy."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
    async with open_server() as rest, echo_server() as port:
        assert await fetch(rest.url) == b"{}"
        assert await echoed(f"ws://127.0.0.1:{port}") == "hello"


@pytest.mark.parametrize("proxy", NOWHERE)
async def test_a_simulator_of_any_name_is_never_reached_through_a_proxy(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Docker its name is `simulator`; the failure is that of the name, not of the proxy."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    opened = open_rest_client(
        Source.KRAKEN,
        "http://simulator.invalid",
        MemoryCooldown(utc_now),
        simulated=True,
        clock=utc_now,
        timeout_s=5,
    )
    async with opened as rest:
        with pytest.raises(SourceUnavailable, match=r"Name|resolution|getaddrinfo|nodename"):
            await rest.fetch_json("/")


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
async def test_real_sources_are_reached_through_the_proxy(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S7: SOCKS included; the proxy resolves the name."""
    expected = ("GET http://source.test/", "CONNECT source.test:80")
    if scheme != "http":
        expected = ("SOCKS source.test:80", "SOCKS source.test:80")
    async with open_server() as rest, open_proxy(int(rest.url.rpartition(":")[2])) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        assert await fetch("http://source.test") == b"{}"
        assert proxy.asked == [expected[0]]
    async with echo_server() as port, open_proxy(port) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        assert await echoed("ws://source.test/ws") == "hello"
        assert proxy.asked == [expected[1]]


@pytest.mark.parametrize("proxy", NOWHERE)
async def test_an_absent_proxy_makes_the_source_unavailable(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S7: no other error leaves the client."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(SourceUnavailable):
        await fetch("https://source.test")
    with pytest.raises(SourceUnavailable):
        await echoed("wss://source.test")


async def test_a_network_of_ipv6_in_no_proxy_harms_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """S8: with and without a proxy."""
    monkeypatch.setenv("NO_PROXY", NO_PROXY)
    async with open_server() as rest, echo_server() as port:
        assert await fetch(rest.url) == b"{}"
        assert await echoed(f"ws://127.0.0.1:{port}") == "hello"
    async with open_server() as rest, open_proxy(int(rest.url.rpartition(":")[2])) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert await fetch("http://source.test") == b"{}"
        assert proxy.asked == ["GET http://source.test/"]


# httpcore 1.0.9 leaves the socket of a failed SOCKS handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_a_server_that_is_no_socks_proxy_makes_the_source_unavailable(
    reply: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It closes the connection, or speaks another protocol."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(reply)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{port}")
        with pytest.raises(SourceUnavailable):
            await fetch("http://source.test")
        with pytest.raises(SourceUnavailable):
            await echoed("ws://source.test")
    gc.collect()
