"""Description of a push feed for the generated market."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simulator.markets import InstrumentSnapshot

Payload = Callable[[InstrumentSnapshot], str]


@dataclass(frozen=True, slots=True)
class FeedChannel:
    """A channel: its stream names, its initial message and its later ones."""

    prefix: str
    payload: Payload
    # What the faults of a channel call it: `ticker`, `book`, `trades` or `heartbeat`.
    role: str = "ticker"
    on_trade: bool = False
    on_book: bool = False
    every_seconds: int = 0
    initial: Payload | None = None
    # Sent again after so many seconds without a change of the book.
    repeat: Payload | None = None
    repeat_after_seconds: int = 0

    def stream(self, code: str) -> str:
        """The stream name for one code."""
        return self.prefix + code


@dataclass(frozen=True, slots=True)
class VenueProfile:
    """The differences of a venue's market from the common price walks.

    `share` is the fraction of the walk's trades that happen at the venue, `latency_ms` the age of its messages, `premium_bps` the
    bound of its price difference; `split` returns base and quote of a code.
    """

    source: str
    share: float
    latency_ms: int
    premium_bps: float
    split: Callable[[str, str], tuple[str, str]]
    channels: Sequence[FeedChannel]
