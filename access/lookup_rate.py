"""A bound on look-ups of unknown keys: made-up ones have valid checksums too."""

# On average, and in a burst: as when all clients of a gateway come back after its restart.
PER_SECOND, BURST = 100.0, 1_000.0


class LookupRate:
    """A bucket of look-ups that fills at `PER_SECOND`."""

    def __init__(self) -> None:
        self._left = BURST
        self._filled_at = 0.0

    def admits(self, now_s: float) -> bool:
        """Take one look-up, if there is one."""
        self._left = min(BURST, self._left + (now_s - self._filled_at) * PER_SECOND)
        self._filled_at = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
