"""A sign of life for health checks: a file whose modification time says when the process last did its work."""

from pathlib import Path


class Heartbeat:
    """Renews `path` on every `beat`; does nothing without a path."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def beat(self) -> None:
        """Say that the work goes on."""
        if self._path is not None:
            self._path.touch()
