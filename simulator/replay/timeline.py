"""From recorded moments to replayed ones. Pure arithmetic on integers: no float ever touches a moment."""

from dataclasses import dataclass
from fractions import Fraction

from simulator.nanotime import MS


@dataclass(frozen=True, slots=True)
class Timeline:
    """One exchange's recording laid over the replay's time.

    A record received d after `first_received_ns` goes out d / speed (+ `lead_ns`) after `begin_ns`; an event that
    happened d after `first_event_us` is said to have happened d / speed after `begin_ns`. So the first event time
    becomes the replay's begin and all others keep their distances; `lead_ns` is how much later frames go out so
    that no event time is ahead of the clock.
    """

    begin_ns: int
    first_received_ns: int
    first_event_us: int
    speed: Fraction
    lead_ns: int
    original: bool

    def due_ns(self, received_ns: int) -> int:
        """When a record goes out."""
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
    """How late frames must go out: the largest of (event offset in ms, receive offset in ns) differences, scaled."""
    ahead = max((event * MS - received for event, received in offsets), default=0)
    return max(0, _scaled(ahead, speed))


def _scaled(span: int, speed: Fraction) -> int:
    return span * speed.denominator // speed.numerator
