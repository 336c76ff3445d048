"""Patience at start: the other parts of the system may come up later than this one."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina

from rates.errors import BackendUnavailable

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 3.0
T = TypeVar("T")


async def connect_patiently(connect: Callable[[], Awaitable[T]], *, timeout_s: float) -> T:
    """Call `connect` until it succeeds, with growing, jittered waits that are logged.

    Raises:
        BackendUnavailable: the last failure, once `timeout_s` seconds are over.
    """
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
