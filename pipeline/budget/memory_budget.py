"""A call budget within one process: the same contract as Redis."""

from collections import Counter, deque
from datetime import datetime, timedelta

from pipeline.budget.limits import CallLimits, held, month_of, next_month, quota_spent, spent
from rates.clock import EPOCH, Clock
from rates.health import CallBudgetState
from rates.source import Source


class MemoryCallBudget:
    """A `CallBudget` for replicas that share one object of it."""

    def __init__(self, source: Source, limits: CallLimits, *, clock: Clock) -> None:
        self._source, self._limits, self._clock = source, limits, clock
        self._calls: deque[datetime] = deque(maxlen=limits.calls)
        self._months: Counter[str] = Counter()
        self._not_before = EPOCH

    async def take(self) -> CallBudgetState:
        now, limits = self._clock(), self._limits
        if now < self._not_before:
            raise held(self._source, self._not_before)
        while self._calls and self._calls[0] + limits.window < now:
            self._calls.popleft()
        if len(self._calls) >= limits.calls:
            raise spent(self._source, limits, self._calls[0] + limits.window)
        if limits.monthly is not None and self._months[month_of(now)] >= limits.monthly:
            raise quota_spent(self._source, limits, next_month(now))
        self._calls.append(now)
        self._months[month_of(now)] += 1
        return CallBudgetState(limits.calls, limits.calls - len(self._calls), self._calls[0] + limits.window)

    async def hold_for(self, span: timedelta) -> None:
        self._not_before = max(self._not_before, self._clock() + span)
