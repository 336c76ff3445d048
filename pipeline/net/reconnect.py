"""Reconnects a session: a wrapper around an async iterator of messages that ends or raises."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from pipeline.health import SourceHealth
from rates.clock import Clock
from rates.errors import (
    SourceBlocked,
    SourceError,
    SourceProtocolError,
    SourceRateLimited,
    SourceUnavailable,
)
from runtime.backoff import Backoff

T = TypeVar("T")

FIRST_RECONNECT_WAIT = timedelta(milliseconds=250)


async def reconnecting(
    connect: Callable[[], AsyncGenerator[T, None]],
    health: SourceHealth,
    *,
    backoff: Backoff,
    clock: Clock,
) -> AsyncGenerator[T, None]:
    """Yield the messages of one connection after another, without end.

    After a connection ends or raises an exception, the next one is opened with backoff; the first message of each connection
    resets the backoff. Gaps are logged, and `health` is updated.
    """
    log = structlog.get_logger("ratewire.reconnect").bind(source=health.source.value, role=health.role)
    last_seen: datetime | None = None
    while True:
        fresh = True
        try:
            async with aclosing(connect()) as messages:
                async for message in messages:
                    if fresh:
                        fresh = False
                        backoff.reset()
                        health.record_success()
                        if last_seen is not None:
                            log.warning("gap", seconds=(clock() - last_seen).total_seconds())
                    last_seen = clock()
                    yield message
            error: SourceError = SourceUnavailable(health.source, "the connection ended")
        except SourceError as exc:
            error = exc
        except Exception as exc:  # the outermost loop of a session: it costs one connection
            log.exception("unexpected error on a connection")
            health.record_unexpected(exc)
            error = SourceProtocolError(health.source, f"{type(exc).__name__}: {exc}")
        health.record_failure(error)
        wait = _wait(error, backoff, clock())
        log.warning("connection lost", error=str(error), wait_s=round(wait.total_seconds(), 3))
        await asyncio.sleep(wait.total_seconds())
        health.record_reconnect()


def _wait(error: SourceError, backoff: Backoff, now: datetime) -> timedelta:
    """Return the wait until the time that the source gave, plus jitter against collisions."""
    wait = backoff.next_wait()
    retry_at = error.retry_at if isinstance(error, SourceRateLimited | SourceBlocked) else None
    return wait if retry_at is None else wait + max(retry_at - now, timedelta())
