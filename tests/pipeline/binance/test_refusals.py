"""When a refused request may be made again."""

from datetime import timedelta

import pytest

from pipeline.sources.binance.messages import parse_answer
from pipeline.sources.binance.refusals import refusal_of
from rates.clock import format_us
from rates.errors import SourceBlocked, SourceRateLimited
from tests.pipeline.fakes import START

NOW_MS = format_us(START) // 1000
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("retry_after", "waits"),
    [
        (NOW_MS + 90_000, timedelta(seconds=90)),
        (NOW_MS + 3 * DAY_MS, timedelta(days=3)),
        (NOW_MS * 1.5 // 1, timedelta(days=3)),
        (None, timedelta(minutes=1)),
    ],
)
@pytest.mark.parametrize(("status", "kind"), [(429, SourceRateLimited), (418, SourceBlocked)])
def test_it_says_when_up_to_its_longest_ban(
    retry_after: float | None, waits: timedelta, status: int, kind: type[SourceRateLimited | SourceBlocked]
) -> None:
    """A time decades ahead is a mistake; a refusal without any is over in a minute."""
    data = "{}" if retry_after is None else f'{{"serverTime":1,"retryAfter":{retry_after:.0f}}}'
    error = refusal_of(
        parse_answer(f'{{"id":7,"status":{status},"error":{{"code":-1003,"msg":"","data":{data}}}}}'), START
    )
    assert isinstance(error, kind)
    assert error.retry_at == START + waits
