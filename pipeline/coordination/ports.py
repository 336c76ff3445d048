"""Port to the state that replicas share, implemented in Redis and in memory."""

from typing import Protocol

from pipeline.coordination.call_limits import CallLimits
from pipeline.ports import Cooldown, RequestBudget, TickClaim
from rates.source import Source


class Coordination(Protocol):
    """Factory of the shared state of replicas. Equal arguments give access to the same state."""

    def tick_claim(self, schedule: str) -> TickClaim:
        """Return the claims to ticks of one schedule; schedules do not affect each other."""
        ...

    def request_budget(self, source: Source, limits: CallLimits) -> RequestBudget:
        """Return the budget of calls to one source."""
        ...

    def request_cooldown(self, source: Source) -> Cooldown:
        """Return the cooldown of a source's request API."""
        ...

    def feed_cooldown(self, source: Source) -> Cooldown:
        """Return the cooldown of connections to a source's push feed, which is a service of its own."""
        ...
