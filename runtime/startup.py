"""Start-up retries: other parts of the system may start later than this process."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina

from rates.errors import BackendUnavailable

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 3.0
T = TypeVar("T")


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
    return await unless_stopped(_try(connect, timeout_s), stop)


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


async def _try(connect: Callable[[], Awaitable[T]], timeout_s: float) -> T:
    async for attempt in stamina.retry_context(
        on=BackendUnavailable,
        attempts=None,
        timeout=timeout_s,
        wait_initial=FIRST_WAIT_S,
        wait_max=LONGEST_WAIT_S,
    ):
        with attempt:
            return await connect()
    raise AssertionError("retry_context either returns or raises")
