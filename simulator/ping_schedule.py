"""Schedule of a server's pings and of giving up a connection [exchanges.md 1.4].

Pure: time in, decisions out.
"""

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum

from simulator.nanotime import SECOND, to_ms


class CloseReason(Enum):
    """Why a connection is closed: close code and reason."""

    PONG_TIMEOUT = (1008, "Pong timeout")
    LIFETIME = (1001, "Connection lifetime reached")


@dataclass(frozen=True, slots=True)
class PingFrame:
    """A ping to send; the pong must carry the same payload."""

    payload: bytes


class PingSchedule:
    """Pings every 20 s, closes 60 s after an unanswered ping, and at the age of 24 h."""

    def __init__(
        self, opened_ns: int, *, ping_seconds: float, pong_seconds: float, life_seconds: float
    ) -> None:
        self._interval = int(ping_seconds * SECOND)
        self._patience = int(pong_seconds * SECOND)
        self._end_ns = opened_ns + int(life_seconds * SECOND)
        self._next_ping_ns = opened_ns + self._interval
        self._unanswered: OrderedDict[bytes, int] = OrderedDict()

    def decide(self, now_ns: int) -> PingFrame | CloseReason | None:
        """Return what is due at `now_ns`."""
        if now_ns >= self._end_ns:
            return CloseReason.LIFETIME
        if self._unanswered and now_ns >= next(iter(self._unanswered.values())) + self._patience:
            return CloseReason.PONG_TIMEOUT
        if now_ns < self._next_ping_ns:
            return None
        self._next_ping_ns = now_ns + self._interval
        payload = str(to_ms(now_ns)).encode()
        self._unanswered[payload] = now_ns
        return PingFrame(payload)

    def pong(self, payload: bytes) -> None:
        """Record a pong: it answers its ping and all earlier ones; an unsolicited pong answers none."""
        if payload not in self._unanswered:
            return
        while self._unanswered:
            answered, _ = self._unanswered.popitem(last=False)
            if answered == payload:
                return
