"""The health of one source as one process sees it.

Fetchers, feeds and ingest update it; the reporter publishes it.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import structlog

from pipeline.validation import Rejection
from rates.errors import RatesError, SimulationMismatch, SourceBlocked, SourceRateLimited
from rates.health import MAX_SILENT, CallBudgetState, LinkState, SourceReport
from rates.source import Source
from rates.symbol import Symbol

MAX_REASON_LENGTH = 300
# Silent symbols named in the reason. The report lists more.
NAMED_SILENT = 3


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
        self._silent: tuple[Symbol, ...] = ()
        self._failure: str | None = "not heard of yet"
        self._notices: dict[str, str] = {}
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

    def record_silent(self, silent: Mapping[Symbol, str]) -> None:
        """Record the symbols that the source should update and does not, with the problem of each."""
        if not silent:
            self._silent = ()
            self.set_notice("silent", None)
            return
        self._silent = tuple(sorted(silent))
        named = ", ".join(f"{symbol} ({silent[symbol]})" for symbol in self._silent[:NAMED_SILENT])
        more = len(self._silent) - NAMED_SILENT
        self.set_notice("silent", f"silent: {named}{f' and {more} more' if more > 0 else ''}")

    def record_rejection(self, rejection: Rejection, what: str) -> None:
        """Count a rejected ticker. `what` describes it for the log."""
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

    def record_reconnect(self) -> None:
        """Count a connection that replaced a lost one."""
        self.reconnects += 1

    def report(self, now: datetime) -> SourceReport:
        """Return the report for the gateway."""
        reasons = [self._failure] if self._failure else []
        return SourceReport(
            source=self.source,
            instance=self.instance,
            role=self.role,
            state=self.state,
            reason="; ".join([*reasons, *self._notices.values()])[:MAX_REASON_LENGTH] or None,
            refused=self.rejections.total(),
            reconnects=self.reconnects,
            reported_at=now,
            budget=self.budget,
            silent=self._silent[:MAX_SILENT],
            silent_count=len(self._silent),
        )

    def _set_state(self, state: LinkState, failure: str | None) -> None:
        if state is not self.state:
            log = self._log.info if state is LinkState.UP else self._log.warning
            log("state", was=self.state.value, now=state.value, reason=failure)
            self.changed.set()
        self.state, self._failure = state, failure
