"""Collection of garbage in processes that handle thousands of messages a second."""

import asyncio
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Allocations before a collection of the youngest generation, and collections before one of the older; Python's defaults: 700, 10, 10.
# So one of the young generations takes up to 8 or 13 ms. The last number is so large that it is never reached: a collection of all
# objects of a gateway with 10,000 subscribers takes 200 ms, in which all of them wait, so `collecting_everything` decides when.
COLLECTOR_THRESHOLDS = (1_000, 5, 1_000_000)
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
    """Collect all objects now and then: while they are few, and when they have doubled.

    Every `EVERYTHING_EVERY_S` seconds it counts the blocks of memory made since `tune_garbage_collector`. While they are at most
    `most_blocks`, a collection takes some 10 ms. It also empties the lists in which CPython 3.11 keeps freed tuples, up to 2,000 of each
    of 20 lengths: 4 MB. Else they fill within hours, because no other collection looks at all objects. Of more blocks, a collection
    takes longer, so it waits until there are twice as many as after the last one.
    """
    loop, before, last = asyncio.get_running_loop(), sys.getallocatedblocks(), most_blocks
    due: asyncio.TimerHandle

    def collect() -> None:
        nonlocal due, last
        due = loop.call_later(EVERYTHING_EVERY_S, collect)
        made = sys.getallocatedblocks() - before
        if made <= most_blocks or made > 2 * last:
            gc.collect()
            last = max(most_blocks, sys.getallocatedblocks() - before)

    due = loop.call_later(EVERYTHING_EVERY_S, collect)
    try:
        yield
    finally:
        due.cancel()
