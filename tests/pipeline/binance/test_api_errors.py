"""Errors of the WebSocket API, and a session's reaction to them."""

from datetime import timedelta

import pytest

from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.sources.binance.api_errors import response_error
from pipeline.sources.binance.messages import parse_response
from rates.clock import format_us
from rates.errors import (
    SourceBlocked,
    SourceProtocolError,
    SourceRateLimited,
    SourceUnavailable,
)
from rates.health import LinkState
from tests.json_types import JsonObject
from tests.pipeline.binance.exchange import (
    answering,
    open_exchange,
    refusal,
    session_with,
    silence,
    symbol_of,
    tickers,
)
from tests.pipeline.fakes import START, FakeClock, health

pytestmark = pytest.mark.servers

ASKED = {"symbols": ["BTCUSDT"]}
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
def test_a_rate_limit_lasts_at_most_as_long_as_the_longest_ban(
    retry_after: float | None, waits: timedelta, status: int, kind: type[SourceRateLimited | SourceBlocked]
) -> None:
    """A time decades ahead is a mistake. Without a time, the limit lasts a minute."""
    data = "{}" if retry_after is None else f'{{"serverTime":{NOW_MS},"retryAfter":{retry_after:.0f}}}'
    error = response_error(
        parse_response(f'{{"id":7,"status":{status},"error":{{"code":-1003,"msg":"","data":{data}}}}}'), START
    )
    assert isinstance(error, kind)
    assert error.retry_at == START + waits


@pytest.mark.parametrize("ahead", [timedelta(seconds=180), -timedelta(seconds=180)])
@pytest.mark.parametrize("status", [429, 418])
def test_a_ban_lasts_by_the_clock_of_the_server(ahead: timedelta, status: int) -> None:
    """A local clock that is wrong neither shortens nor lengthens it."""
    data = f'{{"serverTime":{NOW_MS},"retryAfter":{NOW_MS + 120_000}}}'
    error = response_error(
        parse_response(f'{{"id":7,"status":{status},"error":{{"code":-1003,"msg":"","data":{data}}}}}'),
        START + ahead,
    )
    assert isinstance(error, SourceRateLimited | SourceBlocked)
    assert error.retry_at == START + ahead + timedelta(seconds=120)


@pytest.mark.parametrize(("status", "expected"), [(429, SourceRateLimited), (418, SourceBlocked)])
async def test_no_request_is_sent_during_a_cooldown(status: int, expected: type[Exception]) -> None:
    """After its end, requests are sent again."""
    asked = 0

    def refuse_once(question: JsonObject) -> JsonObject:
        nonlocal asked
        asked += 1
        retry_after = NOW_MS + 90_000
        return refusal(status, -1003, "Too much", retryAfter=retry_after) if asked == 1 else tickers(question)

    clock = FakeClock()
    async with (
        open_exchange(answering(refuse_once)) as exchange,
        session_with(exchange, clock=clock) as session,
    ):
        with pytest.raises(expected):
            await session.request("ticker.24hr", ASKED)
        clock.advance(seconds=89)
        with pytest.raises(expected):
            await session.request("ticker.24hr", ASKED)
        assert asked == 1
        clock.advance(seconds=1)
        assert symbol_of(await session.request("ticker.24hr", ASKED)) == "BTCUSDT"


async def test_a_rate_limit_of_one_replica_applies_to_all() -> None:
    """Limits count per address: continuing after a 429 would get all replicas banned."""
    asked = 0

    def refuse_once(question: JsonObject) -> JsonObject:
        nonlocal asked
        asked += 1
        retry_after = NOW_MS + 90_000
        return refusal(429, -1003, "Too much", retryAfter=retry_after) if asked == 1 else tickers(question)

    clock = FakeClock()
    cooldown = MemoryCooldown(clock)
    async with (
        open_exchange(answering(refuse_once)) as exchange,
        session_with(exchange, clock=clock, cooldown=cooldown) as one,
        session_with(exchange, clock=clock, cooldown=cooldown) as other,
    ):
        with pytest.raises(SourceRateLimited):
            await one.request("ticker.24hr", ASKED)
        with pytest.raises(SourceRateLimited, match="another replica was refused"):
            await other.request("ticker.24hr", ASKED)
        assert asked == 1
        clock.advance(seconds=90)
        assert symbol_of(await other.request("ticker.24hr", ASKED)) == "BTCUSDT"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusal(503, -1008, "Overloaded"), SourceUnavailable),
        (refusal(400, -1007, "Timeout"), SourceUnavailable),
        (refusal(403, -1000, "Firewall"), SourceBlocked),
        (refusal(400, -1104, "Unread parameters"), SourceProtocolError),
        ({"status": 302}, SourceProtocolError),
    ],
    ids=str,
)
async def test_other_errors_are_classified_as_retryable_or_not(
    answer: JsonObject, expected: type[Exception]
) -> None:
    """By status and code."""
    async with (
        open_exchange(answering(lambda _: answer)) as exchange,
        session_with(exchange) as session,
    ):
        with pytest.raises(expected):
            await session.request("ticker.24hr", ASKED)


@pytest.mark.parametrize(
    ("refuse", "expected", "state"),
    [
        ((451, {}), SourceBlocked, LinkState.BLOCKED),
        ((503, {}), SourceUnavailable, LinkState.DOWN),
        ((429, {"Retry-After": "60"}), SourceRateLimited, LinkState.RATE_LIMITED),
    ],
    ids=str,
)
async def test_requests_fail_with_the_reason_of_a_rejected_handshake(
    refuse: tuple[int, dict[str, str]], expected: type[Exception], state: LinkState
) -> None:
    """The error is not just a timeout."""
    seen = health()
    async with open_exchange(silence) as exchange:
        exchange.refuse = refuse
        async with session_with(exchange, seen, timeout_s=0.5) as session:
            with pytest.raises(expected):
                await session.request("ticker.24hr", ASKED)
            assert seen.state is state
            assert exchange.connections == 0
