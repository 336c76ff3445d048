"""Heartbeat for health checks: a file, modified whenever work was completed."""

from collections.abc import Callable
from pathlib import Path


class Heartbeat:
    """Touches `path` on every `beat`, while `is_fit`. Does nothing without a path.

    A check compares the time of the file with the present by the size of the difference: after a step of the clock backwards, an
    old heartbeat lies in the future.
    """

    def __init__(self, path: Path | None, *, is_fit: Callable[[], bool] = lambda: True) -> None:
        self._path, self._is_fit = path, is_fit

    def beat(self) -> None:
        """Update the modification time of the file."""
        if self._path is not None and self._is_fit():
            self._path.touch()
