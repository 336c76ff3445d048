"""When a server pings and when it gives a connection up [exchanges.md 1.4]. Pure: moments in, decisions out."""

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum

from simulator.nanotime import SECOND, to_ms


class CloseReason(Enum):
    """Why a connection is cut: close code and reason."""

    PONG_TIMEOUT = (1008, "Pong timeout")
    LIFETIME = (1001, "Connection lifetime reached")


@dataclass(frozen=True, slots=True)
class PingFrame:
    """A ping frame to send; the pong must carry the same payload."""

    payload: bytes


class PingSchedule:
    """Pings every 20 s, cuts 60 s after a ping that got no pong, and at the age of 24 h."""

    def __init__(
        self, opened_ns: int, *, ping_seconds: float, pong_seconds: float, life_seconds: float
    ) -> None:
        self._interval = int(ping_seconds * SECOND)
        self._patience = int(pong_seconds * SECOND)
        self._end_ns = opened_ns + int(life_seconds * SECOND)
        self._next_ping_ns = opened_ns + self._interval
        self._unanswered: OrderedDict[bytes, int] = OrderedDict()

    def decide(self, now_ns: int) -> PingFrame | CloseReason | None:
        """What to do at this moment."""
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
        """A pong came: it answers its ping and all before it; an unsolicited one answers nothing."""
        if payload not in self._unanswered:
            return
        while self._unanswered:
            answered, _ = self._unanswered.popitem(last=False)
            if answered == payload:
                return
