"""Maps recorded times to replayed ones. Pure integer arithmetic, no floats."""

from dataclasses import dataclass
from fractions import Fraction

from simulator.nanotime import MS


@dataclass(frozen=True, slots=True)
class Timeline:
    """One exchange's recording on the replay's timeline.

    A record received d after `first_received_ns` is published d / speed (+ `lead_ns`) after `begin_ns`. An event d after
    `first_event_us` gets the time d / speed after `begin_ns`: the first event time becomes the replay's begin and the others keep
    their distances. `lead_ns` delays the frames so that no event time is ahead of the clock.
    """

    begin_ns: int
    first_received_ns: int
    first_event_us: int
    speed: Fraction
    lead_ns: int
    original: bool

    def due_ns(self, received_ns: int) -> int:
        """The time at which a record is published."""
        return self.begin_ns + self.lead_ns + _scaled(received_ns - self.first_received_ns, self.speed)

    def moved_us(self, event_us: int) -> int:
        """The replayed event time."""
        if self.original:
            return event_us
        return self.begin_ns // 1000 + _scaled(event_us - self.first_event_us, self.speed)

    def moved_ms(self, event_ms: int) -> int:
        """The replayed event time, in milliseconds."""
        return self.moved_us(event_ms * 1000) // 1000


def lead_ns(offsets: list[tuple[int, int]], speed: Fraction) -> int:
    """The delay of all frames: the largest difference of event offset (ms) and receive offset (ns), scaled."""
    ahead = max((event * MS - received for event, received in offsets), default=0)
    return max(0, _scaled(ahead, speed))


def _scaled(span: int, speed: Fraction) -> int:
    return span * speed.denominator // speed.numerator
