"""A request budget within one process, with the same contract as the one in Redis."""

from collections import Counter, deque
from datetime import datetime, timedelta

from pipeline.coordination.block import Block
from pipeline.coordination.call_limits import (
    CallLimits,
    cooling_down,
    month_of,
    next_month,
    paced,
    quota_spent,
    state_of,
    window_full,
)
from rates.clock import EPOCH, Clock
from rates.health import CallBudgetState
from rates.source import Source


class MemoryRequestBudget:
    """A `RequestBudget` for replicas that share one object of it."""

    def __init__(self, source: Source, limits: CallLimits, *, clock: Clock) -> None:
        self._source, self._limits, self._clock = source, limits, clock
        self._calls: deque[datetime] = deque(maxlen=limits.calls)
        self._months: Counter[str] = Counter()
        self._cooldown, self._pause = Block(), Block()
        self._rests: dict[str, Block] = {}

    async def take(self, request: str = "") -> CallBudgetState:
        now, limits = self._clock(), self._limits
        left = -1 if limits.monthly is None else max(limits.monthly - self._months[month_of(now)], 0)
        if now < (cool_at := self._cooldown.until(now)):
            raise cooling_down(self._source, cool_at)
        if left == 0:
            raise quota_spent(self._source, limits, next_month(now))
        rest = self._rests.get(request)
        if now < (due_at := max(self._pause.until(now), rest.until(now) if rest else EPOCH)):
            raise paced(self._source, due_at)
        if self._calls and self._calls[-1] > now:
            # Made before the clock stepped back: they count as made now.
            self._calls = deque((min(each, now) for each in self._calls), maxlen=limits.calls)
        while self._calls and self._calls[0] + limits.window < now:
            self._calls.popleft()
        if len(self._calls) >= limits.calls:
            raise window_full(self._source, limits, self._calls[0] + limits.window)
        self._calls.append(now)
        self._months[month_of(now)] += 1
        if left > 1:
            # Spread the rest of the month evenly over the calls that are left.
            self._pause.extend((next_month(now) - now) / left, now)
        remaining = limits.calls - len(self._calls)
        return state_of(limits, remaining, self._calls[0] + limits.window, left - 1, now)

    async def start_cooldown(self, span: timedelta) -> None:
        self._cooldown.extend(span, self._clock())

    async def defer(self, span: timedelta, request: str) -> None:
        now = self._clock()
        self._rests = {one: rest for one, rest in self._rests.items() if rest.until(now) > now}
        self._rests.setdefault(request, Block()).extend(span, now)
