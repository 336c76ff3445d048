"""Keeps a long-lived task running.

An unforeseen exception costs one attempt, not the process.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from rates.errors import SetupError
from runtime.backoff import Backoff

FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(seconds=30)
# A run that lasted this long resets the backoff.
STABLE_S = 60.0

OnError = Callable[[Exception], None]


async def keep_running(
    run: Callable[[], Awaitable[None]],
    *,
    name: str,
    on_error: OnError = lambda _error: None,
    backoff: Backoff | None = None,
) -> None:
    """Call `run` again after each exception, until it returns or is cancelled.

    Each exception is logged with its traceback and the count so far, and passed to `on_error`.

    Raises:
        SetupError: the configuration is invalid, which no further attempt changes.
    """
    log = structlog.get_logger("ratewire.process")
    wait = backoff or Backoff(FIRST_WAIT, LONGEST_WAIT)
    clock = asyncio.get_running_loop().time
    count = 0
    while True:
        began = clock()
        try:
            await run()
        except SetupError:
            raise
        except Exception as exc:  # the outermost loop of the task
            count += 1
            log.exception("unexpected error, starting the task again", task=name, count=count)
            on_error(exc)
        else:
            return
        if clock() - began >= STABLE_S:
            wait.reset()
        await asyncio.sleep(wait.next_wait().total_seconds())
