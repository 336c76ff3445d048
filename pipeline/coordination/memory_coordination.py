"""The shared state of the pipeline within one process, for the embedded system."""

from pipeline.coordination.call_limits import CallLimits
from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.coordination.memory_request_budget import MemoryRequestBudget
from pipeline.coordination.memory_tick_claim import MemoryTickClaim
from rates.clock import Clock
from rates.source import Source


class MemoryCoordination:
    """A `Coordination` for roles that share one object of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._budgets: dict[Source, MemoryRequestBudget] = {}
        self._cooldowns: dict[tuple[str, Source], MemoryCooldown] = {}
        self._claims: dict[str, MemoryTickClaim] = {}

    def tick_claim(self, schedule: str) -> MemoryTickClaim:
        return self._claims.setdefault(schedule, MemoryTickClaim(self._clock))

    def request_budget(self, source: Source, limits: CallLimits) -> MemoryRequestBudget:
        return self._budgets.setdefault(source, MemoryRequestBudget(source, limits, clock=self._clock))

    def request_cooldown(self, source: Source) -> MemoryCooldown:
        return self._cooldowns.setdefault(("request", source), MemoryCooldown(self._clock))

    def feed_cooldown(self, source: Source) -> MemoryCooldown:
        return self._cooldowns.setdefault(("feed", source), MemoryCooldown(self._clock))
