"""Reconnecting around a source's iterator, and the waits in between."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta

import pytest

from pipeline.health import SourceHealth
from pipeline.net.reconnect import reconnecting
from rates.clock import utc_now
from rates.errors import SourceBlocked, SourceError, SourceRateLimited, SourceUnavailable
from rates.health import LinkState
from rates.source import Source
from runtime.backoff import Backoff
from tests.pipeline.fakes import health, until

BINANCE = Source.BINANCE
Script = list[int | SourceError]


def scripted(*connections: Script) -> tuple[Callable[[], AsyncGenerator[int, None]], list[int]]:
    """Return connections that yield and raise as given, and the list of those that were closed."""
    remaining = list(connections)
    closed: list[int] = []

    async def connect() -> AsyncGenerator[int, None]:
        script = remaining.pop(0)
        try:
            for step in script:
                if isinstance(step, SourceError):
                    raise step
                yield step
            if not remaining:
                await asyncio.Event().wait()
        finally:
            closed.append(len(script))

    return connect, closed


def quick() -> Backoff:
    return Backoff(timedelta(milliseconds=1), timedelta(milliseconds=1))


async def collect(
    connect: Callable[[], AsyncGenerator[int, None]],
    seen: SourceHealth,
    count: int,
    *,
    backoff: Backoff | None = None,
) -> list[int]:
    messages = reconnecting(connect, seen, backoff=backoff or quick(), clock=utc_now)
    found = []
    async with asyncio.timeout(60), aclosing(messages):
        async for message in messages:
            found.append(message)
            if len(found) == count:
                return found
    raise AssertionError("it never ends")


async def test_it_reconnects_after_a_failure_and_after_a_clean_end() -> None:
    """Both are the same: after close code 1000 many clients hang."""
    seen = health()
    connect, closed = scripted([1, SourceUnavailable(BINANCE, "reset")], [2], [3])
    assert await collect(connect, seen, 3) == [1, 2, 3]
    assert seen.reconnects == 2
    assert seen.state is LinkState.UP
    assert len(closed) == 3


async def test_a_failure_shows_in_the_health_until_the_first_message() -> None:
    """State and reason are those of the last failure."""
    seen = health()
    connect, _ = scripted([SourceBlocked(BINANCE, "451 from here")], [])
    messages = reconnecting(connect, seen, backoff=quick(), clock=utc_now)
    first = asyncio.ensure_future(anext(messages))
    await until(lambda: seen.reconnects)
    assert seen.state is LinkState.BLOCKED
    assert "451 from here" in (seen.report(utc_now()).reason or "")
    first.cancel()
    await asyncio.wait([first])


async def test_the_wait_resets_with_the_first_good_message() -> None:
    """Three failures in a row wait longer each; after a message the wait is the first again."""
    asked: list[float] = []

    def record(_: float, high: float) -> float:
        asked.append(round(high * 1000))
        return 0.0

    down = SourceUnavailable(BINANCE, "down")
    connect, _ = scripted([down], [down], [down], [1, down], [2])
    backoff = Backoff(timedelta(milliseconds=10), timedelta(milliseconds=30), jitter=record)
    assert await collect(connect, health(), 2, backoff=backoff) == [1, 2]
    assert asked == [10, 20, 30, 10]


async def test_a_rate_limit_delays_the_next_connection() -> None:
    """Not earlier than the source said, and with jitter between replicas."""
    retry_at = utc_now() + timedelta(milliseconds=150)
    connect, _ = scripted([SourceRateLimited(BINANCE, "429", retry_at=retry_at)], [1])
    assert await collect(connect, health(), 1) == [1]
    assert utc_now() >= retry_at


async def test_cancellation_closes_the_connection() -> None:
    """Also in the middle of a read."""
    connect, closed = scripted([])
    messages = reconnecting(connect, health(), backoff=quick(), clock=utc_now)
    reading = asyncio.ensure_future(anext(messages))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert closed == [0]


async def test_an_unforeseen_exception_costs_one_connection_and_is_counted() -> None:
    """Of the adapter's code or a library's: the next connection delivers, and the health tells."""
    seen = health()
    remaining: list[Exception | None] = [ImportError("python-socks"), None]

    async def connect() -> AsyncGenerator[int, None]:
        failure = remaining.pop(0)
        if failure is not None:
            raise failure
        yield 1

    assert await collect(connect, seen, 1) == [1]
    assert seen.unexpected == 1
    assert "ImportError: python-socks" in (seen.report(utc_now()).reason or "")
