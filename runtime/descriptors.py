"""Notices that a process runs out of file descriptors.

uvloop closes connections that it has no descriptor for, and says nothing; everything else fails on its own, with an error of its
own. So the process tries to open a file every second.
"""

import asyncio
import errno
import os
import resource
import time
from collections.abc import Callable
from typing import NoReturn

import structlog

CHECK_EVERY_S = 1.0
# A spell is over after so long with free descriptors: at the limit, single ones become free again and again.
CALM_S = 10.0
_EXHAUSTED = (errno.EMFILE, errno.ENFILE)

log = structlog.get_logger("ratewire.descriptors")


def use_all_descriptors() -> None:
    """Raise the limit of this process to the highest that the system allows it.

    The usual limit is 1,024, and each connection takes one.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as exc:
        # Some systems refuse a limit that they name.
        log.warning("descriptor limit stays", error=str(exc), limit=soft, allowed=hard)


class DescriptorWatch:
    """Logs the begin and the end of each spell without a free descriptor. `spells` counts them."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self.spells = 0
        self._exhausted_at: float | None = None

    async def run(self) -> NoReturn:
        """Watch until cancelled."""
        while True:
            self.check()
            await asyncio.sleep(CHECK_EVERY_S)

    def check(self) -> None:
        """Open and close a file."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as exc:
            if exc.errno not in _EXHAUSTED:
                raise
            self._note_exhausted(exc)
        else:
            self._note_free()

    def _note_exhausted(self, error: OSError) -> None:
        if self._exhausted_at is None:
            self.spells += 1
            limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            log.error("out of file descriptors", error=error.strerror, limit=limit, times=self.spells)
        self._exhausted_at = self._monotonic()

    def _note_free(self) -> None:
        if self._exhausted_at is not None and self._monotonic() - self._exhausted_at >= CALM_S:
            self._exhausted_at = None
            log.warning("file descriptors are free again")
