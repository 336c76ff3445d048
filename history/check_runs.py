"""Verdicts on minutes as runs: times of which all minutes have the same one. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from history.bar import Bar
from history.interval import TimeSpan
from history.kline import MINUTE, Kline
from history.kline_check import KlineVerdict, MinuteCheck


class CheckRun(NamedTuple):
    """The verdict on the minutes from `start` to `end`.

    Each minute that differs has a run of its own, with both values.
    """

    start: datetime
    end: datetime
    verdict: KlineVerdict
    ours: Bar | None = None
    theirs: Kline | None = None


def to_runs(checks: Iterable[MinuteCheck]) -> list[CheckRun]:
    """Return the runs of minutes in the order of time, without a hole between two."""
    return join_runs(
        CheckRun(one.open_time, one.open_time + MINUTE, one.verdict, *_values(one)) for one in checks
    )


def _values(check: MinuteCheck) -> tuple[Bar | None, Kline | None]:
    return (check.ours, check.theirs) if check.verdict is KlineVerdict.DIFFERS else (None, None)


def join_runs(runs: Iterable[CheckRun]) -> list[CheckRun]:
    """Return the same verdicts in as few runs as there can be, given disjoint ones."""
    joined: list[CheckRun] = []
    for run in sorted(runs, key=lambda one: one.start):
        last = joined[-1] if joined else None
        can_join = last is not None and last.verdict is run.verdict and last.end == run.start
        if last is not None and can_join and run.verdict is not KlineVerdict.DIFFERS:
            joined[-1] = last._replace(end=run.end)
        else:
            joined.append(run)
    return joined


def cut_out(runs: Iterable[CheckRun], window: TimeSpan) -> list[CheckRun]:
    """Return the runs without what they say of `window`."""
    left = []
    for run in runs:
        if run.start < window.start:
            left.append(run._replace(end=min(run.end, window.start)))
        if run.end > window.end:
            left.append(run._replace(start=max(run.start, window.end)))
    return left


def list_unchecked(window: TimeSpan, runs: Sequence[CheckRun]) -> list[TimeSpan]:
    """Return the times of `window` without a verdict, the newest first.

    The runs are disjoint, and in order.
    """
    found = []
    start = window.start
    for run in runs:
        if run.start > start:
            found.append(TimeSpan(start, min(run.start, window.end)))
        start = max(start, run.end)
        if start >= window.end:
            break
    if start < window.end:
        found.append(TimeSpan(start, window.end))
    return found[::-1]
