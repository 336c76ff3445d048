"""Connects TCP sockets by Happy Eyeballs (RFC 8305).

An address that does not answer costs a short delay.

uvloop's `create_connection` tries one address after another, each until the system gives up.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

from aiohappyeyeballs import AddrInfoType, start_connection

# RFC 8305, section 5, recommends it.
FALLBACK_DELAY_S = 0.25

Resolver = Callable[[str, int], Awaitable[Sequence[AddrInfoType]]]


async def resolve_with_system(host: str, port: int) -> Sequence[AddrInfoType]:
    """Return the addresses of a host, in the order of the system (RFC 6724).

    Raises:
        OSError: the host is unknown.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, kind, proto, name, address) for family, kind, proto, name, address in found]


async def connect_tcp(host: str, port: int, *, resolve: Resolver = resolve_with_system) -> socket.socket:
    """Connect to the first address of a host that accepts.

    The caller closes the socket and bounds the wait.

    The next address is tried 250 ms after the one before, which may still win.

    Raises:
        OSError: the host is unknown, or no address accepts.
    """
    addresses = await resolve(host, port)
    if not addresses:
        raise OSError(f"{host}: the resolver knows no address")
    return await start_connection(addresses, happy_eyeballs_delay=FALLBACK_DELAY_S, interleave=1)
