"""How often something usually happens, from its own experience. Pure; times are seconds of a steady clock."""

# Gaps in the average: enough to be steady, few enough to follow a market into the night.
MEMORY = 50
# So many gaps make an experience, if they take long enough together: ten trades of one second say nothing about an hour.
EXPERIENCE = 10
# Gaps that follow each other by chance alone exceed 20 times their average once in 500 million.
TIMES_MEAN = 20
# But they do not come by chance: trades come in bursts with long rests between.
TIMES_LONGEST = 3
# The longest gap of this hour and the last one counts.
HOUR_S = 3600.0


class IntervalStats:
    """Of one thing that repeats. `experience_s`: listened to for less, nobody knows what is usual for it."""

    __slots__ = ("_before", "_count", "_experience_s", "_hour_began", "_longest", "_span", "last", "mean")

    def __init__(self, experience_s: float) -> None:
        self._experience_s = experience_s
        self._count = 0
        self._span = 0.0
        self._longest = self._before = 0.0
        self._hour_began = 0.0
        self.mean = 0.0
        self.last: float | None = None

    def beat(self, now: float) -> None:
        """It happened."""
        if self.last is not None:
            gap = now - self.last
            self._count += 1
            self._span += gap
            self.mean += (gap - self.mean) / min(self._count, MEMORY)
            if now - self._hour_began > HOUR_S:
                self._before, self._longest, self._hour_began = self._longest, 0.0, now
            self._longest = max(gap, self._longest)
        self.last = now

    def interrupt(self) -> None:
        """What follows is no gap of its own: nobody listened meanwhile."""
        self.last = None

    @property
    def patience(self) -> float | None:
        """Seconds of silence that would be unusual for it; `None` without experience."""
        if self._count < EXPERIENCE or self._span < self._experience_s:
            return None
        return max(TIMES_MEAN * self.mean, TIMES_LONGEST * max(self._longest, self._before))
