"""The mirrored state of one source: its position, its arrivals and the reports on it."""

from datetime import datetime, timedelta

from gateway.state.position import StreamPosition
from gateway.state.position_waiters import PositionWaiters
from gateway.state.rolling_counter import RollingMinuteCounter
from rates.health import REPORT_LIFETIME, SourceReport
from rates.source import Source
from rates.ticker import Ticker

# How far the clock of the cache may seem ahead, because it is measured every few seconds.
CLOCK_TOLERANCE = timedelta(seconds=1)


class SourceMirror:
    """Mirrored state and arrival statistics of one source. Only `Mirror` writes it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.position = StreamPosition("", 0)
        self.newest: Ticker | None = None
        self.latest_observed_at: datetime | None = None
        self.interrupted_at: datetime | None = None
        self.reloads = 0
        """Times that all its tickers were read anew, after an interruption or a gap."""
        self._reports: dict[str, SourceReport] = {}
        self.arrivals = RollingMinuteCounter()
        self.waiters = PositionWaiters()

    def reports(self, now: datetime) -> tuple[SourceReport, ...]:
        """The newest report of each process that has reported within `REPORT_LIFETIME`.

        Reports are dated by the clock of the cache, and so is `now`.
        """
        return tuple(
            report for report in self._reports.values() if abs(now - report.reported_at) <= REPORT_LIFETIME
        )

    def tickers_per_minute(self, now: datetime) -> int:
        """The number of newer tickers that arrived during the last minute."""
        return self.arrivals.read(now)

    def record_ticker(self, ticker: Ticker) -> None:
        """Record the ticker as the newest arrival, and its event time if it is the latest."""
        if self.newest is None or ticker.received_at >= self.newest.received_at:
            self.newest = ticker
        if self.latest_observed_at is None or ticker.observed_at > self.latest_observed_at:
            self.latest_observed_at = ticker.observed_at

    def record_report(self, report: SourceReport, now: datetime) -> None:
        """Store a process's report, and drop expired reports."""
        known = self._reports.get(report.instance)
        # A known report from the future was dated before the clock of the cache stepped back.
        if (
            known is None
            or report.reported_at >= known.reported_at
            or known.reported_at > now + CLOCK_TOLERANCE
        ):
            self._reports[report.instance] = report
        self._reports = {each.instance: each for each in self.reports(now)}
