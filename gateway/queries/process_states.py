"""The pipeline's processes as the gateways see them, by their reports.

Pure; time is an argument.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from cache.source_rules import is_lost
from rates.health import LinkState, SourceReport


class ProcessState(StrEnum):
    """States of a process that reports on a source."""

    WORKING = "WORKING"
    TROUBLED = "TROUBLED"
    """It reports a problem."""
    LOST = "LOST"
    """It has stopped reporting: it has ended, is frozen or cut off."""


def classify_process(report: SourceReport, cache_time: datetime) -> ProcessState:
    """Return the state of the process that reports.

    `cache_time`: now, by the clock that dates reports.
    """
    if is_lost(report, cache_time):
        return ProcessState.LOST
    has_problem = report.state is not LinkState.UP or report.reason or report.cache_error
    return ProcessState.TROUBLED if has_problem else ProcessState.WORKING


def count_processes(
    reports: Iterable[SourceReport], cache_time: datetime
) -> Counter[tuple[str, ProcessState]]:
    """Count the processes by role and state."""
    return Counter((report.role, classify_process(report, cache_time)) for report in reports)
