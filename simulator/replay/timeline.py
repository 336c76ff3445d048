"""Maps recorded times to replayed ones. Pure integer arithmetic, no floats."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction


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
        # Records before a long gap at the start are due at once.
        offset = max(0, received_ns - self.first_received_ns)
        return self.begin_ns + self.lead_ns + _scaled(offset, self.speed)

    def moved_us(self, event_us: int) -> int:
        """The replayed event time."""
        if self.original:
            return event_us
        return self.begin_ns // 1000 + _scaled(event_us - self.first_event_us, self.speed)

    def moved_ms(self, event_ms: int) -> int:
        """The replayed event time, in milliseconds."""
        return self.moved_us(event_ms * 1000) // 1000


def ahead_ns(offsets: Iterable[tuple[int, int]]) -> int:
    """The largest (event offset - receive offset); 0 if no event is ahead."""
    return max(0, max((event_us * 1000 - received_ns for event_us, received_ns in offsets), default=0))


def scaled_lead_ns(ahead_ns: int, speed: Fraction) -> int:
    """The delay of all frames, so that no event time is ahead of the clock."""
    return _scaled(ahead_ns, speed)


def _scaled(span: int, speed: Fraction) -> int:
    return span * speed.denominator // speed.numerator
