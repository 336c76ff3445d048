"""Reports the health of one source to the gateway, on every change and at an interval."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import structlog

from cache.ports import TickerSink
from pipeline.health import SourceHealth
from rates.clock import Clock
from rates.errors import CacheUnavailable
from runtime.clock.clock_state import ClockState
from runtime.heartbeat import Heartbeat

REPORT_INTERVAL = timedelta(seconds=2)
# Limits the reports of a source whose state keeps changing.
MIN_REPORT_INTERVAL = timedelta(milliseconds=100)


async def report_forever(
    health: SourceHealth,
    sink: TickerSink,
    *,
    clock: Clock,
    clock_state: ClockState | None = None,
    heartbeat: Heartbeat,
    interval: timedelta = REPORT_INTERVAL,
) -> None:
    """Report until cancelled.

    A report that the cache does not accept is dropped, because the next one replaces it.
    """
    log = structlog.get_logger("ratewire.reporter").bind(source=health.source.value)
    lost = 0
    while True:
        health.changed.clear()
        try:
            skew = timedelta() if clock_state is None else clock_state.skew
            await sink.report(health.report(clock(), clock_skew=skew))
        except CacheUnavailable as exc:
            if not lost:
                log.warning("cannot report", error=str(exc))
            lost += 1
            health.record_cache_error("report", exc)
        else:
            health.record_cache_error("report", None)
            if lost:
                log.info("reporting again", lost=lost)
            lost = 0
        # The event loop runs and every wait in this process is bounded, so the process works even if the backends do not.
        heartbeat.beat()
        await asyncio.sleep(MIN_REPORT_INTERVAL.total_seconds())
        with suppress(TimeoutError):
            async with asyncio.timeout(interval.total_seconds()):
                await health.changed.wait()
