"""The time that sources' event times prove: no source has seen the future.

Pure but for the monotonic clock; offsets are those of `SteadyClock`.
"""

from collections.abc import Mapping
from datetime import datetime

from rates.source import Source
from runtime.clock.steady_clock import Seconds, elapsed_s

# The latest event of a window counts, because most events are late by their way to us; the window before counts, too.
WINDOW_S = 60.0


class EventTimes:
    """The latest event time of each source, relative to the monotonic clock at its arrival."""

    def __init__(self, *, elapsed: Seconds = elapsed_s) -> None:
        self._elapsed = elapsed
        self._began = elapsed()
        self._current: dict[Source, float] = {}
        self._previous: dict[Source, float] = {}

    def record(self, source: Source, observed_at: datetime) -> None:
        """Record the time that a source gave to something that arrives now."""
        offset_s = observed_at.timestamp() - self._elapsed()
        if offset_s > self._current.get(source, float("-inf")):
            self._current[source] = offset_s

    def offsets(self) -> Mapping[Source, float]:
        """Return the largest offset of each source in the last one or two windows."""
        now = self._elapsed()
        if now - self._began >= WINDOW_S:
            is_recent = now - self._began < 2 * WINDOW_S
            self._previous, self._current = (self._current if is_recent else {}), {}
            self._began = now
        return {
            source: max(self._current.get(source, float("-inf")), self._previous.get(source, float("-inf")))
            for source in {**self._previous, **self._current}
        }
