"""Ports for servers that a drill, a benchmark or a test starts."""

import os
import random
import socket
from contextlib import suppress
from itertools import count
from pathlib import Path

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 15_000
_ATTEMPTS = 1_000
# A port that was handed out, and that nothing listens on yet, looks free. So a process takes one after the other, and processes
# that start servers side by side take those of different parts.
_PARTS = 16
_turns = count(random.randrange(1_000))  # noqa: S311 - spreads ports, hides nothing


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 without a listener.

    The system gives no outgoing connection this port before the server listens, which may take a while.

    Raises:
        OSError: no port is free.
    """
    ports = _ports_of(os.getpid())
    for _ in range(_ATTEMPTS if ports else 0):
        with suppress(OSError):
            return _bind(ports[next(_turns) % len(ports)])
    return _bind(0)


def _ports_of(process_id: int) -> range:
    ports = range(_LOWEST, _lowest_ephemeral_port())
    size = len(ports) // _PARTS
    first = process_id % _PARTS * size
    return ports[first : first + size] or ports


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
