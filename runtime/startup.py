"""Start-up retries: other parts of the system may start later than this process."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import structlog

from rates.errors import BackendUnavailable
from runtime.backoff import Backoff

FIRST_WAIT = timedelta(seconds=0.2)
LONGEST_WAIT = timedelta(seconds=3)
T = TypeVar("T")

log = structlog.get_logger("ratewire.startup")


class StoppedEarly(Exception):
    """The stop event was set during start-up. Not a failure."""


async def wait_for_backend(
    connect: Callable[[], Awaitable[T]], *, timeout_s: float, stop: asyncio.Event
) -> T:
    """Call `connect` until it succeeds, with exponential backoff and jitter. Logs each retry.

    Raises:
        BackendUnavailable: the last failure, after `timeout_s` seconds.
        StoppedEarly: `stop` was set first.
    """
    return await unless_stopped(_retry(connect, timeout_s), stop)


async def unless_stopped(work: Awaitable[T], stop: asyncio.Event) -> T:
    """Await `work`, or cancel it when `stop` is set.

    Raises:
        StoppedEarly: `stop` was set before `work` finished.
    """
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise StoppedEarly
        return working.result()
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.wait({working, stopping})


async def _retry(connect: Callable[[], Awaitable[T]], timeout_s: float) -> T:
    loop = asyncio.get_running_loop()
    deadline, backoff, attempt = loop.time() + timeout_s, Backoff(FIRST_WAIT, LONGEST_WAIT), 0
    while True:
        try:
            return await connect()
        except BackendUnavailable as exc:
            wait_s, attempt = backoff.next_wait().total_seconds(), attempt + 1
            if loop.time() + wait_s >= deadline:
                raise
            log.warning("retrying", error=str(exc), attempt=attempt, wait_s=round(wait_s, 3))
        await asyncio.sleep(wait_s)
