"""Waiting for a backend that starts later than the process."""

import asyncio

import pytest

from rates.errors import CacheUnavailable
from runtime.startup import StoppedEarly, wait_for_backend

PLENTY_S = 60.0


class Backend:
    """Connects after a number of failures."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.attempts = 0

    async def connect(self) -> str:
        self.attempts += 1
        if self.attempts <= self.failures:
            raise CacheUnavailable("not there yet")
        return "connected"


async def test_a_backend_that_comes_up_late_is_waited_for() -> None:
    """Each failure is followed by another attempt."""
    backend = Backend(failures=2)
    assert await wait_for_backend(backend.connect, timeout_s=PLENTY_S, stop=asyncio.Event()) == "connected"
    assert backend.attempts == 3


async def test_the_last_failure_is_raised_after_the_timeout() -> None:
    """No attempt starts after it."""
    backend = Backend(failures=1_000)
    with pytest.raises(CacheUnavailable):
        await wait_for_backend(backend.connect, timeout_s=0, stop=asyncio.Event())
    assert backend.attempts == 1


async def test_stopping_ends_the_wait() -> None:
    """The attempt in progress is cancelled."""
    stop = asyncio.Event()

    async def hang() -> None:
        stop.set()
        await asyncio.Event().wait()

    with pytest.raises(StoppedEarly):
        await wait_for_backend(hang, timeout_s=PLENTY_S, stop=stop)
