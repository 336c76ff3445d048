"""How often something usually happens, from its own experience. Pure; times are seconds of a steady clock."""

# Gaps in the average: enough to be steady, few enough to follow a market into the night.
MEMORY = 50
# So many gaps make an experience.
EXPERIENCE = 10
# Gaps that follow each other by chance alone exceed 30 times their average once in 10^13.
TIMES_MEAN = 30
# But they do not come by chance: trades come in bursts with long rests between.
TIMES_LONGEST = 3
# The longest gap is forgotten by halves every 70 gaps.
FADING = 0.99


class Rhythm:
    """Of one thing that repeats."""

    __slots__ = ("_count", "_longest", "last", "mean")

    def __init__(self) -> None:
        self._count = 0
        self._longest = 0.0
        self.mean = 0.0
        self.last: float | None = None

    def beat(self, now: float) -> None:
        """It happened."""
        if self.last is not None:
            gap = now - self.last
            self._count += 1
            self.mean += (gap - self.mean) / min(self._count, MEMORY)
            self._longest = max(gap, self._longest * FADING)
        self.last = now

    def interrupt(self) -> None:
        """What follows is no gap of its own: nobody listened meanwhile."""
        self.last = None

    @property
    def patience(self) -> float | None:
        """Seconds of silence that would be unusual for it; `None` without experience."""
        if self._count < EXPERIENCE:
            return None
        return max(TIMES_MEAN * self.mean, TIMES_LONGEST * self._longest)
