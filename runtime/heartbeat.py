"""Heartbeat for health checks: a file, modified whenever work was completed."""

from pathlib import Path


class Heartbeat:
    """Touches `path` on every `beat`. Does nothing without a path."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def beat(self) -> None:
        """Update the modification time of the file."""
        if self._path is not None:
            self._path.touch()
