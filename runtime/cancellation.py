"""Work-around for cancellations that `asyncio.wait_for` of Python 3.11 loses.

Remove it with Python 3.11.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def preserve_cancellation() -> Iterator[None]:
    """Raise `CancelledError` on exit if the task was cancelled inside the block.

    Python 3.11's `asyncio.wait_for` swallows a cancellation that arrives when its result is ready (bpo-42130, fixed
    in 3.12). redis-py 8.1 (`AbstractConnection.send_packed_command`) and aiormq 7.2 (`Connection`, `tools.wait_for`)
    send through it. A task is cancelled only once at shutdown, so without this it would run for ever.
    """
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    try:
        yield
    finally:
        if task.cancelling() > before:
            raise asyncio.CancelledError
