"""Tells the gateway how this process stands with its source: at once when that changes, and regularly as a sign of life."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import structlog

from cache.ports import TickerSink
from pipeline.health import SourceHealth
from rates.clock import Clock
from rates.errors import CacheUnavailable
from runtime.heartbeat import Heartbeat

REPORT_INTERVAL = timedelta(seconds=2)
# A source that flaps must not turn into a storm of reports.
SHORTEST_INTERVAL = timedelta(milliseconds=100)


async def report_forever(
    health: SourceHealth,
    sink: TickerSink,
    *,
    clock: Clock,
    heartbeat: Heartbeat,
    interval: timedelta = REPORT_INTERVAL,
) -> None:
    """Report until cancelled; a report that the cache does not take is lost, the next one follows anyway."""
    log = structlog.get_logger("ratewire.reporter").bind(source=health.source.value)
    lost = 0
    while True:
        health.changed.clear()
        try:
            await sink.report(health.report(clock()))
        except CacheUnavailable as exc:
            if not lost:
                log.warning("cannot report", error=str(exc))
            lost += 1
        else:
            if lost:
                log.info("reporting again", lost=lost)
            lost = 0
        # The event loop turns and every wait in this process is bounded: it works, whatever the others do.
        heartbeat.beat()
        await asyncio.sleep(SHORTEST_INTERVAL.total_seconds())
        with suppress(TimeoutError):
            async with asyncio.timeout(interval.total_seconds()):
                await health.changed.wait()
