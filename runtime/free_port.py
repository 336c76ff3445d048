"""Ports for servers that a drill, a benchmark or a test starts."""

import random
import socket
from contextlib import suppress
from pathlib import Path

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 15_000
_ATTEMPTS = 1_000


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 without a listener.

    The system gives no outgoing connection this port before the server listens, which may take a while.

    Raises:
        OSError: no port is free.
    """
    highest = _lowest_ephemeral_port()
    for _ in range(_ATTEMPTS if highest > _LOWEST else 0):
        port = random.randrange(_LOWEST, highest)  # noqa: S311 - spreads ports, hides nothing
        with suppress(OSError):
            return _bind(port)
    return _bind(0)


def _bind(port: int) -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])


def _lowest_ephemeral_port() -> int:
    try:
        return int(_EPHEMERAL.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        # Every system but Linux takes them from 49152 on.
        return 49_152
