"""Detects dead connections by their silence. Pure; times are monotonic seconds."""

from enum import Enum

from pipeline.feeds.interval_stats import IntervalStats

# Share of the idle timeout after which a ping is sent, so that its answer can arrive before the timeout ends.
PING_SHARE = 0.5
# Share of the idle timeout that the answer may take.
ANSWER_SHARE = 0.4


class LivenessAction(Enum):
    """The action that a connection's silence calls for."""

    LISTEN = "continue"
    PROBE = "send a ping: harmless on a live connection, and unanswered on a dead one"
    GIVE_UP = "close: the connection is dead"


class Liveness:
    """Silence of one connection.

    A half-open socket answers no ping. A feed that died behind a live socket is detected by the connection's usual intervals
    (`stats`, kept across connections). A quiet market is neither.
    """

    def __init__(self, stats: IntervalStats, *, idle_timeout_s: float, now: float) -> None:
        self._stats = stats
        self._idle_timeout_s = idle_timeout_s
        self._last_message_at = now
        self._pinged_at: float | None = None
        self._is_answered = False
        self.has_data = False
        """Whether the source has pushed data on this connection."""

    def on_data(self) -> None:
        """Record that the source pushes data on this connection. Only then is silence unusual."""
        self.has_data = True

    def on_message(self, now: float, count: int = 1) -> None:
        """Record readable messages that arrived together."""
        self._stats.record_together(now, count)
        self._last_message_at, self._pinged_at, self._is_answered = now, None, False

    def on_pong(self) -> None:
        """Record the answer to the ping."""
        self._is_answered = True

    def silence_s(self, now: float) -> float:
        """Return the seconds without a readable message."""
        return now - self._last_message_at

    def next_action(self, now: float) -> LivenessAction:
        """Return the action due at `now`. A PROBE counts as sent."""
        if self._pinged_at is None:
            is_due = self.silence_s(now) >= PING_SHARE * self._idle_timeout_s
            return self._ping(now) if is_due else LivenessAction.LISTEN
        if self.silence_s(now) < self._idle_timeout_s:
            return LivenessAction.LISTEN
        if self._is_dead(now):
            return LivenessAction.GIVE_UP
        is_due_again = self._is_answered and now - self._pinged_at >= self._idle_timeout_s
        return self._ping(now) if is_due_again else LivenessAction.LISTEN

    def _ping(self, now: float) -> LivenessAction:
        self._pinged_at, self._is_answered = now, False
        return LivenessAction.PROBE

    def _is_dead(self, now: float) -> bool:
        if not self._is_answered:
            waited_long = ANSWER_SHARE * self._idle_timeout_s
            return self._pinged_at is not None and now - self._pinged_at >= waited_long
        # Until a subscription is accepted, there is nothing to push.
        limit_s = self._stats.silence_limit_s if self.has_data else None
        return limit_s is not None and self.silence_s(now) > max(self._idle_timeout_s, limit_s)
