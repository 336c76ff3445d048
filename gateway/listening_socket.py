"""The socket on which a gateway listens."""

import errno
import socket

from gateway.settings import PREFIX, GatewaySettings
from gateway.units import KIB
from rates.errors import InvalidSetting, PortInUse

BACKLOG = 2048
# Bytes of a connection that the kernel buffers. More would be outdated when it is read, and memory that is not accounted for.
MAX_UNSENT_BYTES = 64 * KIB


def bind(settings: GatewaySettings, *, shared: bool = False) -> socket.socket:
    """Reserve the address to listen on, before anything else starts.

    The socket does not listen: connections are refused until `start_listening` is called. Several processes can bind the same
    address with `shared`.

    Raises:
        PortInUse: another process listens on the port, or has reserved it.
        InvalidSetting: this machine has no such address.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as exc:
        raise InvalidSetting(f"{PREFIX}HOST", settings.host, f"expected an address: {exc}") from exc
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            # Accepted connections inherit the option.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT_BYTES)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        # Linux lets two sockets bind one address if both reuse it and neither listens. This one would reserve nothing.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except OSError as exc:
        listener.close()
        if exc.errno == errno.EADDRINUSE:
            raise PortInUse(settings.host, settings.port, f"{PREFIX}PORT") from exc
        raise InvalidSetting(
            f"{PREFIX}HOST", f"{settings.host}:{settings.port}", f"expected an address to listen on: {exc}"
        ) from exc
    listener.setblocking(False)
    return listener


def start_listening(listener: socket.socket, settings: GatewaySettings) -> None:
    """Accept connections on a socket of `bind`.

    Raises:
        PortInUse: another process has listened on the address since.
    """
    # Connections inherit it: those that linger after a close must not keep the next process from binding.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.listen(BACKLOG)
    except OSError as exc:
        raise PortInUse(settings.host, listener.getsockname()[1], f"{PREFIX}PORT") from exc
