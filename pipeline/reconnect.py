"""Reconnecting: one function around a source's async iterator, which itself just ends or raises."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from pipeline.backoff import Backoff
from pipeline.health import SourceHealth
from rates.clock import Clock
from rates.errors import SourceBlocked, SourceError, SourceRateLimited, SourceUnavailable

T = TypeVar("T")


async def reconnecting(
    connect: Callable[[], AsyncGenerator[T, None]],
    health: SourceHealth,
    *,
    idle_timeout: timedelta | None,
    backoff: Backoff,
    clock: Clock,
) -> AsyncGenerator[T, None]:
    """Messages of one connection after the other, for ever.

    A connection that ends, raises a `SourceError` or is silent for `idle_timeout` is followed by a wait and the next
    one; the first message of each resets the wait. The gap is logged, the state noted in `health`.
    """
    log = structlog.get_logger("ratewire.reconnect").bind(source=health.source.value, role=health.role)
    last_seen: datetime | None = None
    while True:
        fresh = True
        try:
            async with aclosing(connect()) as messages:
                while (message := await _next(messages, health, idle_timeout)) is not None:
                    if fresh:
                        fresh = False
                        backoff.reset()
                        health.note_success()
                        if last_seen is not None:
                            log.warning("gap", seconds=(clock() - last_seen).total_seconds())
                    last_seen = clock()
                    yield message
            error: SourceError = SourceUnavailable(health.source, "the connection ended")
        except SourceError as exc:
            error = exc
        health.note_failure(error)
        wait = _wait(error, backoff, clock())
        log.warning("connection lost", error=str(error), wait_s=round(wait.total_seconds(), 3))
        await asyncio.sleep(wait.total_seconds())
        health.note_reconnect()


async def _next(messages: AsyncIterator[T], health: SourceHealth, idle_timeout: timedelta | None) -> T | None:
    seconds = None if idle_timeout is None else idle_timeout.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            return await anext(messages, None)
    except TimeoutError as exc:
        raise SourceUnavailable(health.source, f"silent for {seconds} s on an open connection") from exc


def _wait(error: SourceError, backoff: Backoff, now: datetime) -> timedelta:
    """Never before a source said that it may be asked again, nor at that very moment with all other replicas."""
    wait = backoff.next_wait()
    retry_at = error.retry_at if isinstance(error, SourceRateLimited | SourceBlocked) else None
    return wait if retry_at is None else wait + max(retry_at - now, timedelta())
