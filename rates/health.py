"""Source reports: each pipeline process tells the gateway the state of its source."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from rates.source import Source
from rates.symbol import Symbol

# Processes report every few seconds; one without a report for this long counts as gone.
REPORT_LIFETIME = timedelta(seconds=60)
# `SourceReport.role` of a process that reads a push feed.
STREAM_ROLE = "stream"
# Most silent symbols that one report names; more of them point to the feed, not to symbols.
MAX_SILENT = 50
# `SourceReport.role` of a process that reads the source's listing. Its failures do not affect rates.
LISTINGS_ROLE = "listings"
# `SourceReport.role` of a process that stores the history. Its failures do not affect rates.
RECORDER_ROLE = "recorder"
# `SourceReport.role` of a process that issues tasks. It knows nothing of the source itself.
PRODUCER_ROLE = "producer"
# Roles that say nothing of the rates themselves.
SIDE_ROLES = frozenset({LISTINGS_ROLE, RECORDER_ROLE, PRODUCER_ROLE})


class LinkState(StrEnum):
    """State of the connection between one process and its source."""

    UP = "UP"
    RATE_LIMITED = "RATE_LIMITED"
    BLOCKED = "BLOCKED"
    DOWN = "DOWN"


class CallBudgetState(msgspec.Struct, frozen=True):
    """Calls allowed and left in the current window, and when the next is certain to be allowed.

    The `monthly_` fields are the same for the calendar month; `None` without a monthly quota.
    """

    limit: int
    remaining: int
    resets_at: datetime
    monthly_limit: int | None = None
    monthly_remaining: int | None = None
    monthly_resets_at: datetime | None = None


class HistoryReport(msgspec.Struct, frozen=True):
    """Figures of the history in one process. Counters start at zero with the process.

    `refused_trades` cannot be true; `lost_batches` did not reach the log, `skipped_batches` not the storage: both are gaps.
    `behind_since`: when the recorder had last stored all of the log; `None` if it has. `equal_minutes` to `unanswered_minutes`: the
    verdicts of the source's own candles on our minutes: the same, others, used where ours were not whole, and none.
    """

    refused_trades: int = 0
    lost_batches: int = 0
    skipped_batches: int = 0
    behind_since: datetime | None = None
    equal_minutes: int = 0
    differing_minutes: int = 0
    filled_minutes: int = 0
    unanswered_minutes: int = 0


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One process's view of one source. Counters start at zero with the process.

    `instance` identifies the process; a report expires once `reported_at` is older than `REPORT_LIFETIME`.
    `refused` counts values that ingest rejected; `reconnects` counts sessions after the first. `silent` lists the
    first `MAX_SILENT` of the `silent_count` symbols for which the push feed sends nothing new. `announcement`: what the source
    has announced for later. `cache_error`: why the process cannot write to the cache.
    `clock_skew`: how far the clock of the process's machine is ahead of the corrected time. `history`: only of processes that
    have a part in it.
    """

    source: Source
    instance: str
    role: str
    state: LinkState
    reason: str | None
    refused: int
    reconnects: int
    reported_at: datetime
    budget: CallBudgetState | None = None
    silent: tuple[Symbol, ...] = ()
    silent_count: int = 0
    announcement: str | None = None
    cache_error: str | None = None
    clock_skew: timedelta = timedelta()
    history: HistoryReport | None = None
