"""The rate of frames that a client may send, whatever they hold."""

# A client may send this many seconds' worth at once, e.g. all its subscriptions after a reconnect.
BURST_S = 10.0


class FrameRate:
    """Counts frames against `per_second`, on average over `BURST_S` seconds."""

    __slots__ = ("_frame_s", "_paid_until")

    def __init__(self, per_second: float) -> None:
        self._frame_s = 1 / per_second
        self._paid_until = 0.0

    def admits(self, frames: int, now: float) -> bool:
        """Count frames that arrived at the loop time `now`. Return whether they are within the rate."""
        self._paid_until = max(self._paid_until, now) + frames * self._frame_s
        return self._paid_until <= now + BURST_S
