"""How the clients of each exchange behaved: what a drill reads to prove that no limit was broken by our reconnecting.

It counts as the real exchange does and judges nothing itself: whoever enforces a limit says when one was broken.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass

from simulator.nanotime import MINUTE, SECOND, to_ms

VIOLATIONS_KEPT = 200
# A request that was on its way when another was refused cannot have known of it.
IN_FLIGHT_GRACE = SECOND // 2


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken limit."""

    at_ms: int
    limit: str
    detail: str


class ClientLimitMonitor:
    """The clients of one exchange, all addresses together."""

    def __init__(self) -> None:
        self.open_connections = 0
        self.attempts = 0
        self.refused = 0
        self.control_messages = 0
        self.subscriptions = 0
        self.bans = 0
        self.calls = 0
        self.most_calls_in_a_minute = 0
        self.most_attempts_in_a_minute = 0
        self.violations: Counter[str] = Counter()
        self.last_violations: deque[Violation] = deque(maxlen=VIOLATIONS_KEPT)
        self._recent_calls: deque[int] = deque()
        self._recent_attempts: deque[int] = deque()
        self._not_before: dict[str, tuple[int, int]] = {}

    def record_attempt(self, endpoint: str, now_ns: int) -> None:
        """Somebody wants to connect at a door."""
        self.attempts += 1
        most = _in_a_minute(self._recent_attempts, now_ns)
        self.most_attempts_in_a_minute = max(self.most_attempts_in_a_minute, most)
        self._check_retry_after(endpoint, now_ns)

    def record_call(self, endpoint: str, now_ns: int) -> None:
        """Somebody asks over REST or a request socket."""
        self.calls += 1
        self.most_calls_in_a_minute = max(
            self.most_calls_in_a_minute, _in_a_minute(self._recent_calls, now_ns)
        )
        self._check_retry_after(endpoint, now_ns)

    def record_refusal(self, endpoint: str, now_ns: int, retry_at_ns: int | None) -> None:
        """A call or connection was refused; with a moment, coming back to the same door before it breaks a limit."""
        self.refused += 1
        if retry_at_ns is not None and retry_at_ns > self._not_before.get(endpoint, (0, 0))[1]:
            self._not_before[endpoint] = (now_ns, retry_at_ns)

    def record_violation(self, limit: str, now_ns: int, detail: str = "") -> None:
        """A limit was broken."""
        self.violations[limit] += 1
        self.last_violations.append(Violation(to_ms(now_ns), limit, detail))

    def status(self) -> dict[str, object]:
        """All figures, for people and drills."""
        return {
            "open_connections": self.open_connections,
            "attempts": self.attempts,
            "most_attempts_in_a_minute": self.most_attempts_in_a_minute,
            "refused": self.refused,
            "control_messages": self.control_messages,
            "subscriptions": self.subscriptions,
            "calls": self.calls,
            "most_calls_in_a_minute": self.most_calls_in_a_minute,
            "bans": self.bans,
            "violations": dict(self.violations),
            "last_violations": [
                {"at_ms": found.at_ms, "limit": found.limit, "detail": found.detail}
                for found in self.last_violations
            ],
        }

    def _check_retry_after(self, endpoint: str, now_ns: int) -> None:
        refused_ns, until_ns = self._not_before.get(endpoint, (0, 0))
        if refused_ns + IN_FLIGHT_GRACE < now_ns < until_ns:
            early = (until_ns - now_ns) / SECOND
            self.record_violation(
                "retry_after", now_ns, f"{endpoint}: came back {early:.1f} s before Retry-After was over"
            )


class ClientLimitMonitors:
    """The clients of every exchange."""

    def __init__(self, sources: Iterable[str]) -> None:
        self._of = {source: ClientLimitMonitor() for source in sources}

    def for_source(self, source: str) -> ClientLimitMonitor:
        """The clients of one exchange."""
        return self._of[source]

    def status(self) -> dict[str, object]:
        """All figures of all."""
        return {source: monitor.status() for source, monitor in self._of.items()}


def _in_a_minute(recent: deque[int], now_ns: int) -> int:
    recent.append(now_ns)
    while recent[0] <= now_ns - MINUTE:
        recent.popleft()
    return len(recent)
