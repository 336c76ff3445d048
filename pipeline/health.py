"""The health of one source as one process sees it.

Fetchers, feeds and ingest update it; the reporter publishes it.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from pipeline.announcement import Announcement
from pipeline.history_health import HistoryHealth
from pipeline.validation import Rejection
from rates.errors import CacheUnavailable, RatesError, SimulationMismatch, SourceBlocked, SourceRateLimited
from rates.health import MAX_SILENT, CallBudgetState, LinkState, SourceReport
from rates.source import Source
from rates.symbol import Symbol

MAX_REASON_LENGTH = 300
SILENT_TOPIC = "silent"
NOT_HEARD = "not heard of yet"
# Silent symbols named in the reason. The report lists more.
NAMED_SILENT = 3


# Rejections in a row from which all of them have one cause. A single instrument that is not traded has fewer beside its neighbours.
MASS_REJECTIONS = 10


class RejectionStreak:
    """The rejections since the last accepted ticker."""

    def __init__(self) -> None:
        self._count = 0
        self._last: Rejection | None = None
        self._ahead = timedelta()
        self._all_ahead = True

    def add(self, rejection: Rejection, ahead: timedelta | None) -> None:
        """Add one. `ahead`: how far its time is in the future, if that is the reason."""
        self._count += 1
        self._last = rejection
        self._all_ahead = self._all_ahead and ahead is not None
        self._ahead = ahead or timedelta()

    def end(self) -> None:
        """Record an accepted ticker."""
        if self._count:
            self._count, self._last, self._all_ahead = 0, None, True

    def describe(self) -> str | None:
        """Return why everything is rejected, `None` if it is not."""
        if self._last is None or self._count < MASS_REJECTIONS:
            return None
        if self._all_ahead:
            seconds = round(self._ahead.total_seconds())
            return f"all of the last {self._count} are from {seconds} s in the future: is this machine's clock right?"
        return f"all of the last {self._count} were refused, the last one: {self._last.value}"


class SourceHealth:
    """State, notices and counters of one source.

    `changed` is set whenever the state or a notice changes.
    """

    def __init__(self, source: Source, *, role: str, instance: str) -> None:
        self.source, self.role, self.instance = source, role, instance
        self.state = LinkState.DOWN
        self.rejections: Counter[Rejection] = Counter()
        self.reconnects = 0
        self.unexpected = 0
        self.budget: CallBudgetState | None = None
        self.changed = asyncio.Event()
        self.history: HistoryHealth | None = None
        self._silent: tuple[Symbol, ...] = ()
        self._failure: str | None = NOT_HEARD
        self._streak = RejectionStreak()
        self._notices: dict[str, str] = {}
        self._announcements: tuple[Announcement, ...] = ()
        self._cache_errors: dict[str, str] = {}
        self._log = structlog.get_logger("ratewire.source").bind(source=source.value, role=role)

    def record_success(self) -> None:
        """Record that the source delivered."""
        self._set_state(LinkState.UP, None)

    def record_failure(self, error: RatesError) -> None:
        """Record that the source did not deliver."""
        match error:
            case SourceRateLimited():
                self._set_state(LinkState.RATE_LIMITED, str(error))
            case SourceBlocked() | SimulationMismatch():
                self._set_state(LinkState.BLOCKED, str(error))
            case _:
                self._set_state(LinkState.DOWN, str(error))

    def set_notice(self, topic: str, text: str | None) -> None:
        """Set the notice on a topic: a problem to report even while the source delivers.

        `None` clears it.
        """
        if text == self._notices.get(topic):
            return
        if text is None:
            del self._notices[topic]
            self._log.info("resolved", topic=topic)
        else:
            self._notices[topic] = text
            self._log.warning("noted", topic=topic, note=text)
        self.changed.set()

    def set_announcements(self, announcements: Sequence[Announcement]) -> None:
        """Set all that the source has announced. Each becomes a problem to report when it begins."""
        if (found := tuple(announcements)) == self._announcements:
            return
        self._announcements = found
        self._log.warning("announced", announcements=[f"{one.begins_at}: {one.text}" for one in found])
        self.changed.set()

    def record_silent(self, silent: Mapping[Symbol, str]) -> None:
        """Record the symbols that the source should update and does not, with the problem of each."""
        if not silent:
            self._silent = ()
            self.set_notice(SILENT_TOPIC, None)
            return
        self._silent = tuple(sorted(silent))
        named = ", ".join(f"{symbol} ({silent[symbol]})" for symbol in self._silent[:NAMED_SILENT])
        more = len(self._silent) - NAMED_SILENT
        self.set_notice(SILENT_TOPIC, f"silent: {named}{f' and {more} more' if more > 0 else ''}")

    def record_accepted(self) -> None:
        """Record that a ticker passed validation."""
        self._streak.end()

    def record_rejection(self, rejection: Rejection, what: str, *, ahead: timedelta | None = None) -> None:
        """Count a rejected ticker.

        `what` describes it for the log; `ahead`: how far it is in the future, if that is the reason.
        """
        self._streak.add(rejection, ahead)
        self.rejections[rejection] += 1
        # Logged at counts of 1, 2, 4, 8 …: the thousandth of a kind would only hide other messages.
        if (count := self.rejections[rejection]) & (count - 1) == 0:
            self._log.warning("refused", refusal=rejection.name, count=count, what=what[:MAX_REASON_LENGTH])

    def record_unexpected(self, error: Exception) -> None:
        """Count an exception that no code expected. The caller logs its traceback."""
        self.unexpected += 1
        seen = f"{type(error).__name__}: {error}"
        self.set_notice(
            "unexpected", f"{self.unexpected} unexpected errors, see the log; the last: {seen[:120]}"
        )

    def record_cache_error(self, operation: str, error: CacheUnavailable | None) -> None:
        """Record the outcome of an operation on the cache, `write` or `report`; `None` is success."""
        known = self._cache_errors.pop(operation, None)
        if error is not None:
            # Redis adds the number of the script's line.
            self._cache_errors[operation] = str(error).partition(" script: ")[0][:MAX_REASON_LENGTH]
        if self._cache_errors.get(operation) != known:
            self.changed.set()

    def record_reconnect(self) -> None:
        """Count a connection that replaced a lost one."""
        self.reconnects += 1

    def report(self, now: datetime, *, clock_skew: timedelta = timedelta()) -> SourceReport:
        """Return the report for the gateway. `clock_skew`: how far this machine's clock is ahead."""
        # The notices of the source itself last: they are the longest.
        reasons = [text for text in (self._failure, self._streak.describe()) if text]
        # After a failure all instruments are silent. To name some would say that the others are not.
        has_failed = self.state is not LinkState.UP and self._failure != NOT_HEARD
        silent = () if has_failed else self._silent
        notices = [text for topic, text in self._notices.items() if topic != SILENT_TOPIC or not has_failed]
        begun = [f"the exchange says: {one.text}" for one in self._announcements if one.begins_at <= now]
        announced = [f"the exchange says: {one.text}" for one in self._announcements if one.begins_at > now]
        return SourceReport(
            source=self.source,
            instance=self.instance,
            role=self.role,
            state=self.state,
            reason="; ".join([*reasons, *notices, *begun])[:MAX_REASON_LENGTH] or None,
            announcement="; ".join(announced)[:MAX_REASON_LENGTH] or None,
            refused=self.rejections.total(),
            reconnects=self.reconnects,
            reported_at=now,
            budget=self.budget,
            silent=silent[:MAX_SILENT],
            silent_count=len(silent),
            cache_error=next(iter(self._cache_errors.values()), None),
            clock_skew=clock_skew,
            history=None if self.history is None else self.history.report(),
        )

    def _set_state(self, state: LinkState, failure: str | None) -> None:
        if state is not self.state:
            log = self._log.info if state is LinkState.UP else self._log.warning
            log("state", was=self.state.value, now=state.value, reason=failure)
            self.changed.set()
        self.state, self._failure = state, failure
