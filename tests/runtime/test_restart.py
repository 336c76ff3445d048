"""Long-lived tasks that meet an unforeseen exception."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from rates.errors import InvalidSetting
from runtime.backoff import Backoff
from runtime.restart import keep_running


def quick() -> Backoff:
    return Backoff(timedelta(milliseconds=1), timedelta(milliseconds=1))


async def test_an_exception_costs_one_attempt_and_is_counted() -> None:
    """Logged with its traceback; the run after it goes on to its end."""
    script: list[Exception | None] = [KeyError("first"), ImportError("second"), None]
    seen: list[Exception] = []

    async def run() -> None:
        step = script.pop(0)
        if step is not None:
            raise step

    with capture_logs() as logs:
        await keep_running(run, name="feed", on_error=seen.append, backoff=quick())
    assert [type(error) for error in seen] == [KeyError, ImportError]
    assert [(log["task"], log["count"], log["exc_info"]) for log in logs] == [
        ("feed", 1, True),
        ("feed", 2, True),
    ]


async def test_cancellation_ends_it() -> None:
    """It is never taken for a failure."""
    seen: list[Exception] = []

    async def run() -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(keep_running(run, name="feed", on_error=seen.append))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not seen


async def test_an_invalid_setting_ends_it() -> None:
    """No further attempt changes the configuration."""

    async def run() -> None:
        raise InvalidSetting("X", "1", "expected 2")

    with pytest.raises(InvalidSetting):
        await keep_running(run, name="feed", backoff=quick())
