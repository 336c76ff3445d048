"""Per-exchange counters of client behaviour: connections, calls and violated limits.

The drill reads them to prove that reconnecting violates no limit. The monitor counts only; the code that enforces a limit
reports its violations.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass

from simulator.nanotime import MINUTE, SECOND, to_ms

VIOLATIONS_KEPT = 200
# A request already in flight when another one is refused cannot obey that refusal.
IN_FLIGHT_GRACE = SECOND // 2


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation of a limit."""

    at_ms: int
    limit: str
    detail: str


class ClientLimitMonitor:
    """Counters for all clients of one exchange, over all addresses."""

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
        """Count a connection attempt at an endpoint."""
        self.attempts += 1
        most = _in_a_minute(self._recent_attempts, now_ns)
        self.most_attempts_in_a_minute = max(self.most_attempts_in_a_minute, most)
        self._check_retry_after(endpoint, now_ns)

    def record_call(self, endpoint: str, now_ns: int) -> None:
        """Count a REST call or a WebSocket API request."""
        self.calls += 1
        self.most_calls_in_a_minute = max(
            self.most_calls_in_a_minute, _in_a_minute(self._recent_calls, now_ns)
        )
        self._check_retry_after(endpoint, now_ns)

    def record_refusal(self, endpoint: str, now_ns: int, retry_at_ns: int | None) -> None:
        """Count a refusal; until `retry_at_ns`, another request to the same endpoint is a violation."""
        self.refused += 1
        if retry_at_ns is not None and retry_at_ns > self._not_before.get(endpoint, (0, 0))[1]:
            self._not_before[endpoint] = (now_ns, retry_at_ns)

    def record_violation(self, limit: str, now_ns: int, detail: str = "") -> None:
        """Count a violation of a limit."""
        self.violations[limit] += 1
        self.last_violations.append(Violation(to_ms(now_ns), limit, detail))

    def status(self) -> dict[str, object]:
        """Return all counters, for the status page and the drill."""
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
    """The monitors of all exchanges."""

    def __init__(self, sources: Iterable[str]) -> None:
        self._of = {source: ClientLimitMonitor() for source in sources}

    def for_source(self, source: str) -> ClientLimitMonitor:
        """Return the monitor of one exchange."""
        return self._of[source]

    def status(self) -> dict[str, object]:
        """Return all counters by source."""
        return {source: monitor.status() for source, monitor in self._of.items()}


def _in_a_minute(recent: deque[int], now_ns: int) -> int:
    recent.append(now_ns)
    while recent[0] <= now_ns - MINUTE:
        recent.popleft()
    return len(recent)
