"""The rules that derive a source's state from facts in the mirror.

Pure; time is an argument.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from rates.age import age_at, format_age_ms, within
from rates.health import PRODUCER_ROLE, SIDE_ROLES, STREAM_ROLE, CallBudgetState, LinkState, SourceReport
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker
from runtime.clock.clock_state import NAMED_FROM_S, describe_skew

# Share of fresh rates among the tracked ones below which a source is DEGRADED: a few instruments hardly ever trade.
FRESH_SHARE = 0.5
SUSPECTS_NAMED = 5
MAX_REASON_LENGTH = 300
# Processes report every 2 s: one that has missed five reports has died, or is frozen or cut off.
LOST_AFTER = timedelta(seconds=10)
# Clocks that differ by less agree well enough.
NAMED_SKEW = timedelta(seconds=NAMED_FROM_S)


class SourceState(StrEnum):
    """States of a source, from best to worst."""

    UP = "UP"
    DEGRADED = "DEGRADED"
    STALLED = "STALLED"
    RATE_LIMITED = "RATE_LIMITED"
    BLOCKED = "BLOCKED"
    DOWN = "DOWN"


class SourceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about a source.

    `last` is the ticker that arrived last, `latest_observed_at` the latest event time; `fresh` and `tracked` count
    instruments; `reports` come from processes that report regularly; `cut_off` tells why the cache is out of reach. `clock_skew`
    is that of this process's machine, `clock_problem` tells which clocks it found wrong. `cache_time` is the time by the clock that
    dates the reports; without it no process counts as lost. `held_back` tells which of its instruments are missing in the database and
    kept.
    """

    source: Source
    reports: Sequence[SourceReport]
    last: Ticker | None
    latest_observed_at: datetime | None
    tickers_per_minute: int
    tracked: int
    halted: int = 0
    suspects: Sequence[Symbol] = ()
    fresh: int
    seen: int
    ttl: timedelta
    simulated: bool
    cut_off: str | None = None
    clock_skew: timedelta = timedelta()
    clock_problem: str | None = None
    held_back: str | None = None
    cache_time: datetime | None = None


class SourceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a source, the reason for it, and the figures behind it.

    `reason`: why it is not UP, and what it announces for later. `silent` holds the first of the `silent_count` symbols that its push feed should deliver and does not.
    """

    source: Source
    state: SourceState
    reason: str | None
    last_ticker_at: datetime | None
    lag_ms: int | None
    skew_ms: int | None
    tickers_per_minute: int
    refused: int
    reconnects: int
    budget: CallBudgetState | None
    tracked: int
    halted: int
    seen: int
    fresh: int
    simulated: bool
    silent: Sequence[Symbol] = ()
    silent_count: int = 0
    suspects: Sequence[Symbol] = ()


def assess(facts: SourceFacts, now: datetime) -> SourceStatus:
    """Derive the status from the facts at `now`."""
    state, reason = _classify(facts, now)
    if state is SourceState.UP and facts.held_back is not None:
        state = SourceState.DEGRADED
    last, reports = facts.last, facts.reports
    silent, silent_count = _silent(reports)
    budgets = [report.budget for report in reports if report.budget is not None]
    return SourceStatus(
        source=facts.source,
        state=state,
        reason="; ".join(filter(None, (reason, facts.held_back, _announced(reports)))) or None,
        last_ticker_at=None if last is None else last.received_at,
        lag_ms=None if last is None else format_age_ms(age_at(last.received_at, last.observed_at)),
        skew_ms=_skew_ms(facts),
        tickers_per_minute=facts.tickers_per_minute,
        refused=sum(report.refused for report in reports),
        reconnects=sum(report.reconnects for report in reports),
        # Processes share the budget, and each reports its own last call: the latest call is the most accurate.
        budget=max(budgets, key=lambda each: (each.resets_at, -each.remaining), default=None),
        tracked=facts.tracked,
        halted=facts.halted,
        seen=facts.seen,
        fresh=facts.fresh,
        simulated=facts.simulated,
        silent=silent,
        silent_count=silent_count,
        suspects=facts.suspects,
    )


def _classify(  # noqa: C901, PLR0911, PLR0912 - one return per rule
    facts: SourceFacts, now: datetime
) -> tuple[SourceState, str | None]:
    """Return the first state that applies, worst evidence first, and its reason."""
    quiet = _quiet(facts, now)
    working = [report for report in facts.reports if report.role not in SIDE_ROLES]
    troubled = _troubled(working)
    if facts.cut_off is not None:
        return (SourceState.DOWN if quiet else SourceState.DEGRADED), facts.cut_off
    if (error := _cache_error(working)) is not None:
        refused = f"the cache cannot be written: {error}"
        return (SourceState.DOWN if quiet else SourceState.DEGRADED), refused
    if not working:
        silence = "no process has reported on it for a minute"
        return (SourceState.DOWN, f"{silence}; {quiet}") if quiet else (SourceState.DEGRADED, silence)
    if len(troubled) == len(working):
        return _link_state(troubled), _describe(troubled, working)
    if len(lost := _lost(working, facts)) == len(working):
        silence = _describe_lost(lost)
        return (SourceState.DOWN, f"{silence}; {quiet}") if quiet else (SourceState.DEGRADED, silence)
    remark = _remark(working)
    if quiet:
        # A source that is polled has no feed to say why, such as that all its values are refused.
        # What one replica of a feed misses is no reason where another one delivers it.
        telling = [each for each in working if not each.silent_count or _silent(working)[1]]
        why = remark or next((report.reason for report in telling if report.reason), None)
        reasons = (quiet, _describe_clocks(facts), why, _describe_producers(facts))
        return SourceState.STALLED, "; ".join(filter(None, reasons))
    if troubled:
        return SourceState.DEGRADED, _describe(troubled, working)
    if clocks := _describe_clocks(facts):
        return SourceState.DEGRADED, clocks
    if facts.fresh < facts.tracked * FRESH_SHARE:
        return SourceState.DEGRADED, f"{facts.fresh} of {facts.tracked} tracked instruments are fresh"
    if facts.suspects:
        named = ", ".join(map(str, facts.suspects[:SUSPECTS_NAMED]))
        more = ", …" if len(facts.suspects) > SUSPECTS_NAMED else ""
        return SourceState.DEGRADED, (
            f"suspect identity, an operator has to confirm or separate it: {named}{more}"
        )
    if _silent(facts.reports)[1]:
        return SourceState.DEGRADED, _describe_silent(facts.reports)
    if remark is not None:
        return SourceState.DEGRADED, remark
    if unlisted := _troubled(facts.reports):
        return SourceState.DEGRADED, _describe(unlisted, facts.reports)
    return SourceState.UP, None


def _cache_error(reports: Sequence[SourceReport]) -> str | None:
    """Return why the process that reported last of those that cannot write to the cache cannot."""
    failed = [report for report in reports if report.cache_error is not None]
    return max(failed, key=lambda report: report.reported_at).cache_error if failed else None


def is_lost(report: SourceReport, cache_time: datetime) -> bool:
    """Tell whether the process has stopped reporting: it has ended, is frozen or cut off."""
    return cache_time - report.reported_at > LOST_AFTER


def _lost(reports: Sequence[SourceReport], facts: SourceFacts) -> list[SourceReport]:
    now = facts.cache_time
    return [] if now is None else [each for each in reports if is_lost(each, now)]


def _describe_lost(lost: Sequence[SourceReport]) -> str:
    """Name the process that reported last, as the others had gone before."""
    last = max(lost, key=lambda report: report.reported_at)
    since = f"since {last.reported_at.isoformat(timespec='seconds')}"
    return f"{last.instance} has not reported {since}: it has ended, is frozen or cut off"


def _describe_producers(facts: SourceFacts) -> str | None:
    """Return why a polled source gets no tasks, as far as its producers' reports tell."""
    producers = [report for report in facts.reports if report.role == PRODUCER_ROLE]
    if not producers:
        return None
    if len(lost := _lost(producers, facts)) == len(producers):
        return f"no tasks: {_describe_lost(lost)}"
    troubled = next((report.reason for report in producers if report.reason and report not in lost), None)
    return f"no tasks: {troubled}" if troubled else None


def _skew_ms(facts: SourceFacts) -> int | None:
    """Return how far clocks on the way of its rates are off, that of the source included."""
    machines = [facts.clock_skew, *(report.clock_skew for report in facts.reports)]
    skews = [abs(skew) for skew in machines if abs(skew) >= NAMED_SKEW]
    if facts.last is not None:
        skews.append(age_at(facts.last.observed_at, facts.last.received_at))
    return format_age_ms(max(skews)) if skews else None


def _describe_clocks(facts: SourceFacts) -> str | None:
    """Return which clocks are wrong, `None` if none is."""
    found = [
        f"the clock of {report.instance} is {describe_skew(report.clock_skew.total_seconds())} the true time"
        for report in facts.reports
        if abs(report.clock_skew) >= NAMED_SKEW
    ]
    if facts.clock_problem is not None:
        found.append(f"gateway: {facts.clock_problem}")
    return "; ".join(found)[:MAX_REASON_LENGTH] or None


def _troubled(reports: Sequence[SourceReport]) -> list[SourceReport]:
    return [report for report in reports if report.state is not LinkState.UP]


def _silent(reports: Sequence[SourceReport]) -> tuple[Sequence[Symbol], int]:
    """Return the symbols that no push feed delivers, and their number.

    A symbol that one replica of a feed delivers is not silent.
    """
    feeds = [report for report in reports if report.role == STREAM_ROLE and report.state is LinkState.UP]
    if not feeds:
        return (), 0
    least = min(feeds, key=lambda report: report.silent_count)
    common = set(least.silent).intersection(*(report.silent for report in feeds))
    if least.silent_count > len(least.silent):
        # Too many to list: whether all feeds miss the same ones is not known.
        return least.silent, least.silent_count
    return sorted(common), len(common)


def _describe_silent(reports: Sequence[SourceReport]) -> str | None:
    """Return the reason of the feed that misses least: the others name what this one delivers."""
    feeds = [report for report in reports if report.silent_count]
    return min(feeds, key=lambda report: report.silent_count).reason if feeds else None


def _remark(working: Sequence[SourceReport]) -> str | None:
    """Return the notice that all push feeds give while they deliver, `None` if one has none."""
    feeds = [report for report in working if report.role == STREAM_ROLE and report.state is LinkState.UP]
    if (
        not feeds
        or not all(report.reason for report in feeds)
        or any(report.silent_count for report in feeds)
    ):
        return None
    return max(feeds, key=lambda report: report.reported_at).reason


def _announced(reports: Sequence[SourceReport]) -> str | None:
    """Return what the source has announced for later, as reported last."""
    found = [report for report in reports if report.announcement]
    return max(found, key=lambda report: report.reported_at).announcement if found else None


def _quiet(facts: SourceFacts, now: datetime) -> str | None:
    """Return why no rate of the source is fresh; `None` if one is."""
    if facts.latest_observed_at is None:
        return "nothing seen yet"
    age = age_at(now, facts.latest_observed_at)
    if within(age, facts.ttl):
        return None
    return f"its newest value is {age.total_seconds():.0f} s old, past its {facts.ttl.total_seconds():g} s"


def _link_state(troubled: Sequence[SourceReport]) -> SourceState:
    """Return the common state of all processes, temporary states first."""
    for state in (LinkState.RATE_LIMITED, LinkState.BLOCKED):
        if any(report.state is state for report in troubled):
            return SourceState(state.value)
    return SourceState.DOWN


def _describe(troubled: Sequence[SourceReport], reports: Sequence[SourceReport]) -> str:
    worst = max(troubled, key=lambda report: report.reported_at)
    if len(reports) == 1:
        # "1 of 1" adds nothing beside the state: the reason has the room.
        return f"{worst.role}: {worst.reason or worst.state}"
    why = f": {worst.reason}" if worst.reason else ""
    return f"{len(troubled)} of {len(reports)} processes ({worst.role}: {worst.state}{why})"
