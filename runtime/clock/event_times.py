"""The time that sources' event times prove: no source has seen the future.

Pure but for the monotonic clock; offsets are those of `SteadyClock`.
"""

from collections.abc import Mapping
from datetime import datetime

from rates.source import Source
from runtime.clock.steady_clock import Seconds, elapsed_s

# The latest event of a window counts, because most events are late by their way to us; the window before counts, too.
WINDOW_S = 10.0
_NEVER = float("-inf")


class _SourceTimes:
    """Largest offsets of one source's events, in the present window and the last one."""

    __slots__ = ("began", "current", "last")

    def __init__(self, began: float) -> None:
        self.began = began
        self.current = self.last = _NEVER


class EventTimes:
    """The latest event time of each source, relative to the monotonic clock at its arrival.

    What a source said last stands until it says something else: the time that it proves does not become less true.
    """

    def __init__(self, *, elapsed: Seconds = elapsed_s) -> None:
        self._elapsed = elapsed
        self._times: dict[Source, _SourceTimes] = {}

    def record(self, source: Source, observed_at: datetime) -> None:
        """Record the time that a source gave to something that arrives now."""
        now = self._elapsed()
        times = self._times.get(source)
        if times is None:
            times = self._times[source] = _SourceTimes(now)
        if now - times.began >= WINDOW_S:
            times.last, times.current, times.began = times.current, _NEVER, now
        times.current = max(times.current, observed_at.timestamp() - now)

    def offsets(self) -> Mapping[Source, float]:
        """Return the largest recent offset of each source."""
        return {source: max(times.current, times.last) for source, times in self._times.items()}

    def clear(self) -> None:
        """Forget everything: the monotonic clock may have stood still."""
        self._times.clear()
