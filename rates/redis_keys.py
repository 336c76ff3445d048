"""Redis keys and channels.

All keys of a source share a hash tag, so Redis Cluster keeps them in one slot.
"""

from dataclasses import dataclass

from rates.source import Source
from rates.symbol import Symbol


@dataclass(frozen=True, slots=True)
class RedisKeys:
    """Key and channel names. Simulated data has its own prefix and never mixes with real data."""

    simulated: bool

    @property
    def prefix(self) -> str:
        return "ratewire:sim" if self.simulated else "ratewire"

    @property
    def clock(self) -> str:
        """Hash: source → `lead:time` of its event times over Redis' clock, in microseconds."""
        return f"{self.prefix}:clock"

    def head(self, source: Source) -> str:
        """Hash: `epoch`, `seq`, and the `history` (replication ID) of the server that wrote them."""
        return f"{self.prefix}:{{{source}}}:head"

    def cache(self, source: Source) -> str:
        """Hash: symbol → ticker JSON, with `epoch` and `seq` of the write that stored it."""
        return f"{self.prefix}:{{{source}}}:cache"

    def order(self, source: Source) -> str:
        """Hash: symbol → `observed_at_us:sequence` of the ticker in the cache."""
        return f"{self.prefix}:{{{source}}}:order"

    def catalog_history(self) -> str:
        """String: the last changes of the tracked instruments, as the gateways have seen them."""
        return f"{self.prefix}:{{instruments}}:history"

    def key_changes(self) -> str:
        """Sorted set: the last changes of API keys by their revision, JSON with hashes of secrets."""
        return f"{self.prefix}:{{keys}}:changes"

    def key_state(self) -> str:
        """Hash: `revision` up to which changes of keys were told, `since` which all are kept."""
        return f"{self.prefix}:{{keys}}:state"

    def key_channel(self) -> str:
        """Pub/sub channel: one message per change of a key."""
        return f"{self.prefix}:{{keys}}:changed"

    def reports(self, source: Source) -> str:
        """Hash: instance → source report JSON."""
        return f"{self.prefix}:{{{source}}}:reports"

    def reported(self, source: Source) -> str:
        """Sorted set: instance by the time of its last report."""
        return f"{self.prefix}:{{{source}}}:reported"

    def changes_channel(self, source: Source) -> str:
        """Pub/sub channel: one message per write that stored a ticker."""
        return f"{self.prefix}:{{{source}}}:changes"

    def reports_channel(self, source: Source) -> str:
        """Pub/sub channel: one message per source report."""
        return f"{self.prefix}:{{{source}}}:report"

    def bars_lease(self, source: Source) -> str:
        """String: the process that writes the bars of the source."""
        return f"{self.prefix}:{{{source}}}:bars:lease"

    def bars(self, source: Source) -> str:
        """Stream: batches of bars, `batch` → JSON, for the recorder."""
        return f"{self.prefix}:{{{source}}}:bars"

    def bars_positions(self, source: Source) -> str:
        """Hash: symbol → the last trade in a closed bar, JSON."""
        return f"{self.prefix}:{{{source}}}:bars:positions"

    def trades(self, source: Source, symbol: Symbol) -> str:
        """List: the last trades of an instrument as they were appended, JSON, the newest last."""
        return f"{self.prefix}:{{{source}}}:tape:{symbol}"

    def trades_channel(self, source: Source) -> str:
        """Pub/sub channel: one message per append of trades, symbol → trades."""
        return f"{self.prefix}:{{{source}}}:tape:changes"

    def bars_channel(self, source: Source) -> str:
        """Pub/sub channel: one message per batch of bars, forming ones included."""
        return f"{self.prefix}:{{{source}}}:bars:changes"

    def budget(self, source: Source) -> str:
        """Sorted set of call times in the running window."""
        return f"{self.prefix}:{{{source}}}:budget"

    def pace(self, source: Source) -> str:
        """String: time of the next call that the monthly quota allows, in µs since the Unix epoch."""
        return f"{self.prefix}:{{{source}}}:pace"

    def rest(self, source: Source, topic: str) -> str:
        """String: time before which `topic` has nothing newer, in µs since the Unix epoch."""
        return f"{self.prefix}:{{{source}}}:rest:{topic}"

    def not_before(self, source: Source) -> str:
        """String: end of the cooldown of the source, in microseconds since the Unix epoch."""
        return f"{self.prefix}:{{{source}}}:not-before"

    def stream_not_before(self, source: Source) -> str:
        """String: end of the cooldown of its push feed, a separate service with its own limits."""
        return f"{self.prefix}:{{{source}}}:stream-not-before"

    def tick(self, source: Source, schedule: str = "tick") -> str:
        """String: the number of the last tick of the schedule that was claimed."""
        return f"{self.prefix}:{{{source}}}:{schedule}:claimed"

    def instruments(self) -> str:
        """String: the tracked instruments as last read from the database."""
        return f"{self.prefix}:{{instruments}}:last-known"

    def spent(self, account: str) -> str:
        """String: when the budget of an account is full again, in microseconds since 2026."""
        return f"{self.prefix}:{{account:{account}}}:spent"

    def streams(self, account: str) -> str:
        """Hash: gateway → what the streams of an account cost there, `points a second:end`."""
        return f"{self.prefix}:{{account:{account}}}:streams"
