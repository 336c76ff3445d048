"""Statistics of the intervals between repeated events. Pure; times are monotonic seconds."""

# Intervals in the moving average: enough to be steady, few enough to follow a market into the night.
AVERAGED_INTERVALS = 50
# Intervals needed before any silence is called unusual, if they also cover enough time together: ten trades within one second say
# nothing about an hour.
MIN_INTERVALS = 10
# Intervals of a Poisson process exceed 20 times their average once in 500 million.
TIMES_MEAN = 20
# But events come in bursts with long pauses between them.
TIMES_LONGEST = 3
# An outage teaches nothing about usual intervals. But several of them without this many usual intervals between are a market that
# became quiet.
MAX_OUTAGES = 2
INTERVALS_BETWEEN_OUTAGES = 100
# By how much more than the observed time the first limit shrinks: after 54 s of steady messages, 300 s are 30.
SHRINKING = 5
# The longest interval of the current and the previous hour counts.
HOUR_S = 3600.0


class IntervalStats:
    """Intervals of one repeated event.

    Below `min_observed_s` seconds of observation, nothing is usual.
    """

    __slots__ = (
        "_count",
        "_hour_began",
        "_longest",
        "_longest_before",
        "_min_observed_s",
        "_observed_s",
        "_outages",
        "_since_outage",
        "last",
        "mean",
    )

    def __init__(self, min_observed_s: float) -> None:
        self._min_observed_s = min_observed_s
        self._count = 0
        self._observed_s = 0.0
        self._outages = self._since_outage = 0
        self._longest = self._longest_before = 0.0
        self._hour_began = 0.0
        self.mean = 0.0
        self.last: float | None = None

    def record(self, now: float) -> None:
        """Record one event."""
        last = self.last
        if last is not None:
            interval = now - last
            count = self._count = self._count + 1
            self._since_outage += 1
            self._observed_s += interval
            self.mean += (interval - self.mean) / min(count, AVERAGED_INTERVALS)
            if now - self._hour_began > HOUR_S:
                self._longest_before, self._longest, self._hour_began = self._longest, 0.0, now
            if interval > self._longest:  # noqa: PLR1730 - a call for each trade
                self._longest = interval
        self.last = now

    def record_together(self, now: float, count: int) -> None:
        """Record events that came at once: the same as recording each of them."""
        if not count:
            return
        self.record(now)
        count -= 1
        self._since_outage += count
        while count > 0 and self._count < AVERAGED_INTERVALS:
            self._count += 1
            self.mean -= self.mean / self._count
            count -= 1
        self._count += count
        self.mean *= (1 - 1 / AVERAGED_INTERVALS) ** count

    def pause(self) -> None:
        """Ignore the interval up to the next event, because observation was interrupted."""
        self.last = None

    def record_after_outage(self, now: float) -> None:
        """Record the event that ends an unusual silence, without learning from the silence."""
        if self._since_outage >= INTERVALS_BETWEEN_OUTAGES:
            self._outages = 0
        self._since_outage = 0
        if self._outages < MAX_OUTAGES:
            self._outages += 1
            self.last = None
        self.record(now)

    def first_limit_s(self, longest_s: float) -> float:
        """Return the seconds beyond which silence is unusual, at most `longest_s`.

        For the time without a `silence_limit_s`.
        """
        if self._count < MIN_INTERVALS:
            return longest_s
        return min(longest_s, max(longest_s - SHRINKING * self._observed_s, self.usual_limit_s))

    @property
    def is_steady(self) -> bool:
        """Whether there are enough intervals to compare others with."""
        return self._count >= MIN_INTERVALS

    @property
    def usual_limit_s(self) -> float:
        """Seconds that the intervals so far allow, however few they are."""
        return max(TIMES_MEAN * self.mean, TIMES_LONGEST * max(self._longest, self._longest_before))

    @property
    def silence_limit_s(self) -> float | None:
        """Seconds beyond which silence is unusual, or `None` without enough observations."""
        if self._count < MIN_INTERVALS or self._observed_s < self._min_observed_s:
            return None
        return self.usual_limit_s
