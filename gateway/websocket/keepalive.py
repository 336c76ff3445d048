"""WebSocket pings [RFC 6455, 5.5.2]: they detect dead connections."""

from typing import Protocol as Role

from gateway.websocket.timeouts import SharedTimeouts

# Final, a ping, no payload: any pong proves that its sender is alive.
PING = b"\x89\x00"


class Pingable(Role):
    """A WebSocket connection."""

    def ping(self, frame: bytes) -> None:
        """Write the frame of a ping."""
        ...

    def on_pong_timeout(self) -> None:
        """Close the connection: no pong came in time."""
        ...


class Keepalive:
    """Pings `interval_s` seconds after the last pong, and waits `timeout_s` for the next."""

    def __init__(self, interval_s: float, timeout_s: float) -> None:
        self._idle: SharedTimeouts[Pingable] = SharedTimeouts(interval_s, self._ping)
        self._awaiting_pong: SharedTimeouts[Pingable] = SharedTimeouts(
            timeout_s, lambda socket: socket.on_pong_timeout()
        )

    def start(self, socket: Pingable) -> None:
        """Send the first ping after one interval."""
        self._idle.start(socket)

    def on_pong(self, socket: Pingable) -> None:
        """Start the next interval. An unsolicited pong [5.5.3] changes nothing."""
        if self._awaiting_pong.cancel(socket):
            self._idle.start(socket)

    def stop(self, socket: Pingable) -> None:
        """Send no more pings."""
        self._idle.cancel(socket)
        self._awaiting_pong.cancel(socket)

    def _ping(self, socket: Pingable) -> None:
        self._awaiting_pong.start(socket)
        socket.ping(PING)
