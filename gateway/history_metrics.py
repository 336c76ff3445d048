"""Metrics of the history, from what feeds and recorders report."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from prometheus_client.core import GaugeMetricFamily, Metric

from rates.health import RECORDER_ROLE, HistoryReport, SourceReport
from rates.source import Source

_VERDICTS: Mapping[str, Callable[[HistoryReport], int]] = {
    "EQUAL": attrgetter("equal_minutes"),
    "DIFFERS": attrgetter("differing_minutes"),
    "FILLED": attrgetter("filled_minutes"),
    "NOT_CHECKED": attrgetter("unanswered_minutes"),
}


def describe_history(
    reports: Iterable[tuple[Source, Sequence[SourceReport]]], now: datetime
) -> Iterator[Metric]:
    """Yield the figures of each source that has a history.

    `now`: by the clock that dates reports.
    """
    # Gauges, because they are sums over the running processes: they fall when one of these ends.
    refused = _family("trades_refused", "Trades that cannot be true. Their time is a gap.")
    lost = _family("batches_lost", "Batches of bars that did not reach the log. Their time is a gap.")
    skipped = _family("batches_skipped", "Batches of bars that could not be stored. Their time is a gap.")
    behind = _family("behind_seconds", "For how long the recorder has not stored all that is in the log.")
    checked = GaugeMetricFamily(
        "ratewire_history_minutes_checked",
        "Minutes compared with the source's own candles. FILLED ones were not whole, and are the source's now.",
        labels=("source", "verdict"),
    )
    for source, each in reports:
        told = [report.history for report in each if report.history is not None]
        if not told:
            continue
        labels = (source.name,)
        refused.add_metric(labels, sum(one.refused_trades for one in told))
        lost.add_metric(labels, sum(one.lost_batches for one in told))
        skipped.add_metric(labels, sum(one.skipped_batches for one in told))
        recorders = [report.history for report in each if report.role == RECORDER_ROLE and report.history]
        if recorders:
            behind.add_metric(labels, min(_behind_s(one, now) for one in recorders))
        for verdict, read in _VERDICTS.items():
            checked.add_metric((source.name, verdict), sum(read(one) for one in told))
    yield from (refused, lost, skipped, behind, checked)


def _behind_s(report: HistoryReport, now: datetime) -> float:
    if report.behind_since is None:
        return 0.0
    return max(0.0, (now - report.behind_since).total_seconds())


def _family(name: str, documentation: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"ratewire_history_{name}", documentation, labels=("source",))
