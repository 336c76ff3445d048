"""What one process knows about its source right now; those who work with the source note it, the reporter tells it."""

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
# Silent symbols that a reason names; the report lists more.
NAMED_SILENT = 3


class SourceHealth:
    """State, notes and counters of one process with one source; `changed` is set whenever the state or a note changes."""

    def __init__(self, source: Source, *, role: str, instance: str) -> None:
        self.source, self.role, self.instance = source, role, instance
        self.state = LinkState.DOWN
        self.rejections: Counter[Rejection] = Counter()
        self.reconnects = 0
        self.budget: CallBudgetState | None = None
        self.changed = asyncio.Event()
        self._silent: tuple[Symbol, ...] = ()
        self._failure: str | None = "not heard of yet"
        self._notes: dict[str, str] = {}
        self._log = structlog.get_logger("ratewire.source").bind(source=source.value, role=role)

    def record_success(self) -> None:
        """The source delivered."""
        self._change_state(LinkState.UP, None)

    def record_failure(self, error: RatesError) -> None:
        """The source did not deliver."""
        match error:
            case SourceRateLimited():
                self._change_state(LinkState.RATE_LIMITED, str(error))
            case SourceBlocked() | SimulationMismatch():
                self._change_state(LinkState.BLOCKED, str(error))
            case _:
                self._change_state(LinkState.DOWN, str(error))

    def note(self, topic: str, text: str | None) -> None:
        """Something people should know though the source may deliver; `None` takes the note back."""
        if text == self._notes.get(topic):
            return
        if text is None:
            del self._notes[topic]
            self._log.info("resolved", topic=topic)
        else:
            self._notes[topic] = text
            self._log.warning("noted", topic=topic, note=text)
        self.changed.set()

    def record_silent(self, silent: Mapping[Symbol, str]) -> None:
        """Symbols that the source should be telling of and does not, with what is wrong with each."""
        if not silent:
            self._silent = ()
            self.note("silent", None)
            return
        self._silent = tuple(sorted(silent))
        named = ", ".join(f"{symbol} ({silent[symbol]})" for symbol in self._silent[:NAMED_SILENT])
        more = len(self._silent) - NAMED_SILENT
        self.note("silent", f"silent: {named}{f' and {more} more' if more > 0 else ''}")

    def record_rejection(self, refusal: Rejection, what: str) -> None:
        """Ingest would not store something."""
        self.rejections[refusal] += 1
        # The first of a kind says what happens; the thousandth would only hide everything else.
        if (count := self.rejections[refusal]) & (count - 1) == 0:
            self._log.warning("refused", refusal=refusal.name, count=count, what=what[:MAX_REASON_LENGTH])

    def record_reconnect(self) -> None:
        """A session was opened that is not the first."""
        self.reconnects += 1

    def report(self, now: datetime) -> SourceReport:
        """Everything known, as the gateway is told it."""
        reasons = [self._failure] if self._failure else []
        return SourceReport(
            source=self.source,
            instance=self.instance,
            role=self.role,
            state=self.state,
            reason="; ".join([*reasons, *self._notes.values()])[:MAX_REASON_LENGTH] or None,
            refused=self.rejections.total(),
            reconnects=self.reconnects,
            reported_at=now,
            budget=self.budget,
            silent=self._silent[:MAX_SILENT],
            silent_count=len(self._silent),
        )

    def _change_state(self, state: LinkState, failure: str | None) -> None:
        if state is not self.state:
            log = self._log.info if state is LinkState.UP else self._log.warning
            log("state", was=self.state.value, now=state.value, reason=failure)
            self.changed.set()
        self.state, self._failure = state, failure
