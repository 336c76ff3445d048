"""Names of everything in Redis. All keys of one source share a hash tag, so that one script may touch them in Redis Cluster."""

from dataclasses import dataclass

from rates.source import Source


@dataclass(frozen=True, slots=True)
class RedisKeys:
    """Key and channel names; simulated data lives under a prefix of its own and so never mixes with real data."""

    simulated: bool

    @property
    def prefix(self) -> str:
        return "ratewire:sim" if self.simulated else "ratewire"

    def head(self, source: Source) -> str:
        """Hash: `epoch`, `seq`, and the `run_id` of the Redis process that wrote them."""
        return f"{self.prefix}:{{{source}}}:head"

    def cache(self, source: Source) -> str:
        """Hash: symbol → ticker JSON."""
        return f"{self.prefix}:{{{source}}}:cache"

    def order(self, source: Source) -> str:
        """Hash: symbol → `observed_at_us:sequence` of the ticker in the cache."""
        return f"{self.prefix}:{{{source}}}:order"

    def stream(self, source: Source) -> str:
        """Bounded stream of published messages; the entry id is `seq-0`, the field `m`."""
        return f"{self.prefix}:{{{source}}}:stream"

    def reports(self, source: Source) -> str:
        """Hash: instance → source report JSON."""
        return f"{self.prefix}:{{{source}}}:reports"

    def reported(self, source: Source) -> str:
        """Sorted set: instance by the time of its last report."""
        return f"{self.prefix}:{{{source}}}:reported"

    def changes_channel(self, source: Source) -> str:
        """Pub/sub: one message per write that changed something."""
        return f"{self.prefix}:{{{source}}}:changes"

    def reports_channel(self, source: Source) -> str:
        """Pub/sub: one message per source report."""
        return f"{self.prefix}:{{{source}}}:report"

    def budget(self, source: Source) -> str:
        """Sorted set of call times in the running window."""
        return f"{self.prefix}:{{{source}}}:budget"

    def pace(self, source: Source) -> str:
        """String: when the next call is due if the month's quota is to last, microseconds since the epoch."""
        return f"{self.prefix}:{{{source}}}:pace"

    def rest(self, source: Source, topic: str) -> str:
        """String: before when a call about `topic` cannot bring anything newer, microseconds since the epoch."""
        return f"{self.prefix}:{{{source}}}:rest:{topic}"

    def not_before(self, source: Source) -> str:
        """String: until when the source must not be called, microseconds since the epoch."""
        return f"{self.prefix}:{{{source}}}:not-before"

    def stream_not_before(self, source: Source) -> str:
        """String: the same for connections to its push feed, which is another service with limits of its own."""
        return f"{self.prefix}:{{{source}}}:stream-not-before"

    def tick(self, source: Source, number: int, schedule: str = "tick") -> str:
        """String: which process claimed this tick of the schedule."""
        return f"{self.prefix}:{{{source}}}:{schedule}:{number}"
