"""Wall clocks of processes that may be set while they run, by libfaketime."""

from collections.abc import Mapping
from pathlib import Path

from drill.distributed.server_process import find_library


class FakedClock:
    """The wall clock of processes that are started with `env`; right without a skew."""

    def __init__(self, folder: Path, name: str, skew_s: float = 0.0) -> None:
        self._file = folder / f"clock-of-{name}"
        self.set(skew_s)

    @property
    def env(self) -> Mapping[str, str]:
        """The environment of a process with this clock."""
        return {
            # The C library beside it: jemalloc, which Redis uses, would ask for the time before libfaketime can tell it.
            "LD_PRELOAD": f"{find_library('libfaketimeMT.so.1', 'usr/lib/*/faketime')}:libc.so.6",
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            # Event loops wait on the monotonic clock, which no wrong wall clock moves.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }

    def set(self, skew_s: float) -> None:
        """Set how far the clock is ahead. Running processes see a step."""
        written = self._file.with_suffix(".new")
        written.write_text(f"{skew_s:+.0f}s\n")
        written.replace(self._file)
