"""WebSocket's own pings [RFC 6455, 5.5.2]: they tell whether the other end lives, however little it is told."""

from typing import Protocol as Role

from gateway.websocket.timeouts import SharedTimeouts

# Final, a ping, without a payload: whichever pong comes, its sender lives.
PING = b"\x89\x00"


class Pingable(Role):
    """One end of a WebSocket."""

    def ping(self, frame: bytes) -> None:
        """Write that."""
        ...

    def keepalive_timeout(self) -> None:
        """No pong came in time."""
        ...


class Keepalive:
    """Pings `interval_s` after the last pong, and waits `timeout_s` for the next, seconds."""

    def __init__(self, interval_s: float, timeout_s: float) -> None:
        self._resting: SharedTimeouts[Pingable] = SharedTimeouts(interval_s, self._ping)
        self._asked: SharedTimeouts[Pingable] = SharedTimeouts(
            timeout_s, lambda socket: socket.keepalive_timeout()
        )

    def watch(self, socket: Pingable) -> None:
        """Begin with a rest."""
        self._resting.begin(socket)

    def note_pong(self, socket: Pingable) -> None:
        """It lives. A pong that nobody asked for [5.5.3] changes nothing."""
        if self._asked.end(socket):
            self._resting.begin(socket)

    def forget(self, socket: Pingable) -> None:
        """Ping no more."""
        self._resting.end(socket)
        self._asked.end(socket)

    def _ping(self, socket: Pingable) -> None:
        self._asked.begin(socket)
        socket.ping(PING)
