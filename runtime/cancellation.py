"""Keeps cancellations that libraries lose."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heeded_cancellation() -> Iterator[None]:
    """Raise `CancelledError` on leaving when the task was cancelled within the block, whatever came of that there.

    Python 3.11's `asyncio.wait_for` returns as if nothing had happened when it is cancelled in the moment in which its result
    is there (bpo-42130, mended in 3.12). redis and aiormq send through it: a task that is cancelled only once, as all are at
    shutdown, would go on for ever.
    """
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    try:
        yield
    finally:
        if task.cancelling() > before:
            raise asyncio.CancelledError
