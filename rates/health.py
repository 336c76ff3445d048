"""What a pipeline process knows about its source, told to the gateway through the cache. Facts, not judgements of freshness."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from rates.source import Source
from rates.symbol import Symbol

# A process reports every few seconds; one that has been silent for so long is gone.
REPORT_LIFETIME = timedelta(seconds=60)
# What a process with a push feed calls itself in `SourceReport.role`.
STREAM_ROLE = "stream"
# Silent symbols that a report names: with more of them it is no longer about symbols.
MAX_SILENT = 50


# A process that reads what the source lists: it brings no rates, and its trouble is none of theirs.
LISTINGS_ROLE = "listings"


class LinkState(StrEnum):
    """How one process stands with its source."""

    UP = "UP"
    RATE_LIMITED = "RATE_LIMITED"
    BLOCKED = "BLOCKED"
    DOWN = "DOWN"


class CallBudgetState(msgspec.Struct, frozen=True):
    """Calls allowed in the running window, those left, and when one is certain to be free again; the same for the month, where
    there is a quota.
    """

    limit: int
    remaining: int
    resets_at: datetime
    monthly_limit: int | None = None
    monthly_remaining: int | None = None
    monthly_resets_at: datetime | None = None


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One process's view of one source; counters run since the process started.

    `instance` names the process; a report counts as gone when `reported_at` is older than `REPORT_LIFETIME`.
    `refused` counts values that ingest would not store, `reconnects` sessions opened after the first. `silent`: the first
    `MAX_SILENT` of the `silent_count` symbols that a push feed should be telling of and does not, or only repeats.
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
