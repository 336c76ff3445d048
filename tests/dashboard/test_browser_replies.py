"""The answers of the browser's process."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from tests.dashboard.browser import Browser


async def test_a_late_answer_is_not_that_of_the_next_command() -> None:
    """A test that gives a command up does not make those after it fail."""
    answers = asyncio.StreamReader()
    process = SimpleNamespace(stdin=SimpleNamespace(write=lambda _line: None), stdout=answers)
    browser = Browser(cast("asyncio.subprocess.Process", process))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await browser.evaluate("1")
    answers.feed_data(b'{"number": 1, "value": 1}\n{"number": 2, "value": 2}\n')
    assert await browser.evaluate("2") == 2
