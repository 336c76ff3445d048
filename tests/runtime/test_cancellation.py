"""Cancellations survive the `asyncio.wait_for` calls of redis-py and aiormq."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from cache import redis_client
from pipeline.queue import rabbitmq
from runtime.cancellation import preserve_cancellation

BLOCKS = [preserve_cancellation, redis_client.translated_errors, rabbitmq.translated_errors]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("failure", [None, ConnectionError("lost")])
async def test_a_cancellation_that_arrives_with_the_result_is_not_lost(
    block: Callable[[], AbstractContextManager[None]], failure: Exception | None
) -> None:
    """The task is cancelled when the result or error is ready, but not delivered yet."""
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    begun = asyncio.Event()

    async def send() -> None:
        with block():
            begun.set()
            await asyncio.wait_for(answer, 10)
        raise AssertionError("the cancellation was lost")

    task = asyncio.create_task(send())
    await begun.wait()
    if failure is None:
        answer.set_result(None)
    else:
        answer.set_exception(failure)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_task_cancelled_before_the_block_can_clean_up() -> None:
    """A block entered in the `finally` of a cancelled task runs to its end."""
    begun, cleaned_up = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            with preserve_cancellation():
                await asyncio.wait_for(cleaned_up.wait(), 10)

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    asyncio.get_running_loop().call_soon(cleaned_up.set)
    await asyncio.wait([task])
    assert task.cancelled()
    assert cleaned_up.is_set()


async def test_a_timeout_inside_the_block_does_not_cancel_the_task() -> None:
    """`asyncio.timeout` cancels and uncancels the task by itself."""
    with pytest.raises(TimeoutError), preserve_cancellation():
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
