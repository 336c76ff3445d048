"""Faults of the drilled process and its network: proxies, and IPv6 that leads nowhere.

Simulated sources have a name each, `kraken.localhost`, which the loop of the drill resolves.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, replace
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from simulator.server import SimulatorAddresses
from simulator.sources import SOURCES

Miss = Callable[[str], None]
AddrInfo: TypeAlias = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]  # the address by family

SUFFIX = ".localhost"
IPV4 = "127.0.0.1"
# Connections that fill the backlog of a listener, which ignores all later ones.
FILLERS = 2
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "WSS_PROXY", "SOCKS_PROXY")


class DrillLoop(asyncio.SelectorEventLoop):
    """An event loop that resolves the names of the simulated sources.

    `black_holes`: names with an IPv6 address that never answers, before their IPv4 address.
    """

    def __init__(self) -> None:
        super().__init__()
        self.black_holes: set[str] = set()

    async def getaddrinfo(  # type: ignore[override]  # only what the connectors pass
        self,
        host: str | bytes | None,
        port: int,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the name of the overridden method
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddrInfo]:
        """Resolve a host; names of simulated sources without asking the system."""
        name = host.decode() if isinstance(host, bytes) else host or ""
        if not name.endswith(SUFFIX):
            found = await super().getaddrinfo(host, port, family=family, type=type, proto=proto, flags=flags)
            return [*found]
        hosts = [IPV4] if name not in self.black_holes else [black_hole_host(), IPV4]
        return [(_family(each), socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (each, port)) for each in hosts]


def name_sources(addresses: SimulatorAddresses) -> SimulatorAddresses:
    """Return the addresses with a name for each source instead of the loopback address."""
    named = {
        key: address.replace(IPV4, f"{source}{SUFFIX}", 1)
        for key, address in asdict(addresses).items()
        if (source := next((each for each in SOURCES if key.startswith(f"{each}_")), None))
    }
    return replace(addresses, **named)


@contextmanager
def black_holes(addresses: SimulatorAddresses, miss: Miss) -> Iterator[None]:
    """Let the IPv6 address of this machine ignore all connections to the simulator's ports.

    Without IPv6 a second IPv4 address of the loopback interface takes its place.
    """
    ports = {port for address in asdict(addresses).values() if (port := urlsplit(address).port)}
    host = black_hole_host()
    with ExitStack() as stack:
        for port in ports:
            listener = stack.enter_context(socket.socket(_family(host)))
            listener.bind((host, port))
            listener.listen(0)
            for _ in range(FILLERS):
                filler = stack.enter_context(socket.socket(_family(host)))
                filler.setblocking(False)
                with suppress(BlockingIOError):
                    filler.connect((host, port))
            _check_silence(host, port, miss)
        yield


@asynccontextmanager
async def ipv6_black_hole(source: str, _miss: Miss) -> AsyncIterator[None]:
    """Give the source's name an address that never answers, before the one that does."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, DrillLoop)
    loop.black_holes.add(f"{source}{SUFFIX}")
    try:
        yield
    finally:
        loop.black_holes.discard(f"{source}{SUFFIX}")


@asynccontextmanager
async def proxy(source: str, miss: Miss) -> AsyncIterator[None]:
    """Set all proxy variables to a listener, to which nothing may connect."""
    connected: list[str] = []

    def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(str(writer.get_extra_info("peername")))
        writer.close()

    server = await asyncio.start_server(accept, IPV4, 0)
    address = f"{IPV4}:{server.sockets[0].getsockname()[1]}"
    set_here = {name: f"http://{address}" for name in PROXY_VARIABLES if name not in os.environ}
    os.environ.update(set_here)
    try:
        yield
    finally:
        for name in set_here:
            os.environ.pop(name, None)
        server.close()
        if connected:
            miss(f"{source}: {len(connected)} connections to simulated sources went to the proxy")


ProcessFault = Callable[[str, Miss], AbstractAsyncContextManager[None]]
PROCESS_FAULTS: Mapping[str, ProcessFault] = {"ipv6-black-hole": ipv6_black_hole, "proxy": proxy}


def black_hole_host() -> str:
    """Return the address that stands for broken IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return "127.0.0.2"
    return "::1"


def _check_silence(host: str, port: int, miss: Miss) -> None:
    with socket.socket(_family(host)) as probe:
        probe.settimeout(0.3)
        try:
            probe.connect((host, port))
        except TimeoutError:
            return
        except OSError as exc:
            miss(f"[{host}]:{port} is no black hole: {exc}")
        else:
            miss(f"[{host}]:{port} is no black hole: it accepts connections")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
