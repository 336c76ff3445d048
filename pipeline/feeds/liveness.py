"""Whether one connection still lives: what to do about its silence. Pure; times are seconds of a steady clock."""

from enum import Enum

from pipeline.feeds.interval_stats import IntervalStats

# Of the idle timeout: then a ping is sent, so that its answer can be there when the timeout is over.
PROBE_SHARE = 0.5
# And so long it has for that.
ANSWER_SHARE = 0.4


class LivenessAction(Enum):
    """What to do now."""

    LISTEN = "go on"
    PROBE = "send a ping: it costs nothing where the answer comes, and tells where it does not"
    GIVE_UP = "the connection is dead"


class Liveness:
    """Of one connection. A half-open socket answers no ping; a feed that died behind a living socket is told by what the
    connection usually does (`rhythm`, which outlives it); a quiet market is neither.
    """

    def __init__(self, rhythm: IntervalStats, *, idle_timeout_s: float, now: float) -> None:
        self._rhythm = rhythm
        self._idle_timeout = idle_timeout_s
        self._heard_at = now
        self._probed_at: float | None = None
        self._answered = False

    def on_event(self, now: float) -> None:
        """A readable message came."""
        self._rhythm.beat(now)
        self._heard_at, self._probed_at, self._answered = now, None, False

    def answer(self) -> None:
        """The ping was answered."""
        self._answered = True

    def silence(self, now: float) -> float:
        """Seconds without a readable message."""
        return now - self._heard_at

    def check(self, now: float) -> LivenessAction:
        """What to do at `now`; a PROBE counts as sent."""
        if self._probed_at is None:
            return (
                self._probe(now)
                if self.silence(now) >= PROBE_SHARE * self._idle_timeout
                else LivenessAction.LISTEN
            )
        if self.silence(now) < self._idle_timeout:
            return LivenessAction.LISTEN
        if self._is_dead(now):
            return LivenessAction.GIVE_UP
        again = self._answered and now - self._probed_at >= self._idle_timeout
        return self._probe(now) if again else LivenessAction.LISTEN

    def _probe(self, now: float) -> LivenessAction:
        self._probed_at, self._answered = now, False
        return LivenessAction.PROBE

    def _is_dead(self, now: float) -> bool:
        if not self._answered:
            return self._probed_at is not None and now - self._probed_at >= ANSWER_SHARE * self._idle_timeout
        patience = self._rhythm.patience
        return patience is not None and self.silence(now) > max(self._idle_timeout, patience)
