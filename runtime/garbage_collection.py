"""Collection of garbage in processes that handle thousands of messages a second."""

import asyncio
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Allocations before a collection of the youngest generation, and collections before one of the older; Python's defaults: 700, 10, 10.
# So one of the young generations takes up to 8 or 13 ms, and one of all objects comes after five million that were not freed.
COLLECTOR_THRESHOLDS = (1_000, 5, 1_000)
EVERYTHING_EVERY_S = 300.0
MOST_BLOCKS = 200_000


def tune_garbage_collector() -> None:
    """Exclude the objects of the start from garbage collection, and collect all less often.

    The collector took a third of the CPU time of a busy process. Memory use did not change.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


@contextmanager
def collecting_everything(*, most_blocks: int = MOST_BLOCKS) -> Iterator[None]:
    """Collect all that was made since `tune_garbage_collector` regularly, if it is little.

    It does so every `EVERYTHING_EVERY_S` seconds. That also empties the lists in which CPython 3.11 keeps freed tuples, up to 2,000 of
    each of 20 lengths: 4 MB. Else they fill within hours, because no other collection looks at all objects. It takes some 10 ms at most,
    because it is left out while more than `most_blocks` blocks of memory are in use than at the beginning.
    """
    loop, before = asyncio.get_running_loop(), sys.getallocatedblocks()
    due: asyncio.TimerHandle

    def collect() -> None:
        nonlocal due
        due = loop.call_later(EVERYTHING_EVERY_S, collect)
        if sys.getallocatedblocks() - before <= most_blocks:
            gc.collect()

    due = loop.call_later(EVERYTHING_EVERY_S, collect)
    try:
        yield
    finally:
        due.cancel()
