"""Source reports: their content and their times."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from pipeline.health import MAX_REASON_LENGTH, SourceHealth
from pipeline.reporter import report_forever
from pipeline.validation import Rejection
from rates.errors import CacheUnavailable, SimulationMismatch, SourceUnavailable
from rates.health import LinkState
from rates.source import Source
from runtime.heartbeat import Heartbeat
from tests.pipeline.fakes import START, FakeClock, FakeSink, health, until

LONG = timedelta(hours=1)


@asynccontextmanager
async def reporting(
    seen: SourceHealth, sink: FakeSink, *, interval: timedelta = LONG, beat: Path | None = None
) -> AsyncIterator[None]:
    reporter = asyncio.create_task(
        report_forever(seen, sink, clock=FakeClock(), heartbeat=Heartbeat(beat), interval=interval)
    )
    try:
        yield
    finally:
        reporter.cancel()
        await asyncio.wait([reporter])


async def test_the_first_report_comes_at_once_and_a_change_right_after_it() -> None:
    """A change does not wait for the interval."""
    seen, sink = health(), FakeSink()
    async with reporting(seen, sink):
        await until(lambda: len(sink.reports) == 1)
        assert sink.reports[0].state is LinkState.DOWN
        seen.record_success()
        await until(lambda: len(sink.reports) == 2)
    assert (sink.reports[1].state, sink.reports[1].reason) == (LinkState.UP, None)


async def test_reports_come_regularly() -> None:
    """They renew the heartbeat for the health check."""
    seen, sink = health(), FakeSink()
    async with reporting(seen, sink, interval=timedelta(milliseconds=1)):
        await until(lambda: len(sink.reports) >= 3)
    assert {report.instance for report in sink.reports} == {"consumer-test-1"}


async def test_an_unavailable_cache_does_not_end_the_reports(tmp_path: Path) -> None:
    """Reports and the heartbeat continue, because the process itself works."""
    seen, sink, beat = health(), FakeSink(), tmp_path / "beat"
    sink.failure = CacheUnavailable("Redis: away")
    async with reporting(seen, sink, interval=timedelta(milliseconds=1), beat=beat):
        await until(beat.exists)
        sink.failure = None
        await until(lambda: sink.reports)


def test_reports_have_failures_notices_and_counters() -> None:
    """The reason joins failure and notices, and is bounded."""
    seen = health()
    seen.record_failure(SourceUnavailable(Source.BINANCE, "reset"))
    seen.set_notice("unlisted", "not listed: FOOUSDT")
    seen.record_rejection(Rejection.PRICE_NOT_POSITIVE, "BTC/USDT 0")
    seen.record_reconnect()
    report = seen.report(START)
    assert report.reason == "binance: reset; not listed: FOOUSDT"
    assert (report.refused, report.reconnects, report.reported_at) == (1, 1, START)
    seen.set_notice("unlisted", None)
    seen.record_failure(SimulationMismatch(Source.BINANCE, "x" * 1000))
    assert seen.state is LinkState.BLOCKED
    assert len(seen.report(START).reason or "") == MAX_REASON_LENGTH
