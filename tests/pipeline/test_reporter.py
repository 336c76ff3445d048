"""Source reports: their content and their times."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from pipeline.health import MAX_REASON_LENGTH, SourceHealth
from pipeline.ingest import Ingest
from pipeline.reporter import report_forever
from pipeline.validation import Rejection
from pipeline.write_buffer import WriteBuffer
from rates.errors import CacheUnavailable, SimulationMismatch, SourceUnavailable
from rates.health import LinkState
from rates.source import Source
from runtime.heartbeat import Heartbeat
from tests.pipeline.fakes import BTC, START, FakeClock, FakeSink, health, ticker, until

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


async def test_a_cache_that_refuses_writes_is_reported_until_it_takes_them_again() -> None:
    """A write or a buffered one, without the line of the script."""
    seen, sink = health(), FakeSink()
    seen.record_success()
    ingest = Ingest(sink, seen, max_skew=timedelta(seconds=5), clock=FakeClock())
    buffer = WriteBuffer(sink, interval=LONG, on_written=partial(seen.record_cache_error, "write"))

    def error() -> str | None:
        return seen.report(START).cache_error

    sink.failure = CacheUnavailable("Redis: OutOfMemoryError: full. script: 4f5e, on @user_script:18.")
    with pytest.raises(CacheUnavailable):
        await ingest.write([ticker(BTC, "1")])
    assert error() == "Redis: OutOfMemoryError: full."
    sink.failure = None
    await ingest.write([ticker(BTC, "1")])
    assert error() is None

    sink.failure = CacheUnavailable("Redis: NOREPLICAS")
    buffer.put([ticker(BTC, "2")])
    await buffer.flush()
    assert error() == "Redis: NOREPLICAS"
    async with reporting(seen, sink, interval=timedelta(milliseconds=1)):
        sink.failure = None
        await buffer.flush()
        await until(lambda: bool(sink.reports) and sink.reports[-1].cache_error is None)
    assert error() is None


async def test_a_report_that_the_cache_refuses_is_trouble_of_the_cache() -> None:
    """A consumer without tasks writes nothing else."""
    seen, sink = health(), FakeSink()
    sink.failure = CacheUnavailable("Redis: full")
    async with reporting(seen, sink, interval=timedelta(milliseconds=1)):
        await until(lambda: seen.report(START).cache_error == "Redis: full")
        sink.failure = None
        await until(lambda: seen.report(START).cache_error is None)
