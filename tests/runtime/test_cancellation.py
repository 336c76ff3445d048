"""A cancellation is heeded even where a library loses it."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from cache import redis_client
from pipeline.queue import rabbitmq
from runtime.cancellation import heeded_cancellation

BLOCKS = [heeded_cancellation, redis_client.translated_errors, rabbitmq.translated_errors]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("failure", [None, ConnectionError("lost")])
async def test_a_cancellation_in_the_moment_of_the_result_is_not_lost(
    block: Callable[[], AbstractContextManager[None]], failure: Exception | None
) -> None:
    """The race of `asyncio.wait_for`: cancelled when the answer, good or bad, is there and not handed on yet."""
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    begun = asyncio.Event()

    async def send() -> None:
        with block():
            begun.set()
            await asyncio.wait_for(answer, 10)
        raise AssertionError("went on")

    task = asyncio.create_task(send())
    await begun.wait()
    if failure is None:
        answer.set_result(None)
    else:
        answer.set_exception(failure)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_what_was_cancelled_before_may_clean_up() -> None:
    """A block that begins in a cancelled task, as in its `finally`, is not disturbed."""
    cleaned: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            with heeded_cancellation():
                await asyncio.sleep(0)
            cleaned.append("up")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert cleaned == ["up"]


async def test_a_timeout_within_the_block_is_no_cancellation_of_the_task() -> None:
    """It is over when it is raised."""
    with pytest.raises(TimeoutError), heeded_cancellation():
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
