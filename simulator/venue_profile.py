"""Description of a push feed for the generated market: its channels and how its market differs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simulator.markets import InstrumentSnapshot

Payload = Callable[[InstrumentSnapshot], str]


@dataclass(frozen=True, slots=True)
class FeedChannel:
    """A kind of stream: how its name is made of a source's code, what it says first, and what it says later."""

    prefix: str
    payload: Payload
    on_trade: bool = False
    on_book: bool = False
    every_seconds: int = 0
    initial: Payload | None = None

    def stream(self, code: str) -> str:
        """The name of the stream for one code."""
        return self.prefix + code


@dataclass(frozen=True, slots=True)
class VenueProfile:
    """How a venue differs. `share` of the walk's trades happens there too; `transit_ms` old is what it sends;
    `premium_bps` bounds how far its price lies from the walk's; `split` tells base and quote of its codes.
    """

    source: str
    share: float
    latency_ms: int
    premium_bps: float
    split: Callable[[str, str], tuple[str, str]]
    channels: Sequence[FeedChannel]
