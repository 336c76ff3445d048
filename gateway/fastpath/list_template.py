"""Fragments side by side, as the bytes of a list, with gaps that are filled with ages at the moment of the answer."""

from collections.abc import Callable, Sequence
from operator import itemgetter

from gateway.fastpath.encoded_rate import US_PER_MS, EncodedRate, write_age

# Ages up to half a minute are written in advance: looking one up takes a fifth of writing it. 1.7 MB for the process.
AGES = [b"%d" % age_ms for age_ms in range(32_768)]


class ListTemplate:
    """A list of fragments of one selection, to be written again and again while few of them change."""

    def __init__(self, encoded_rates: Sequence[EncodedRate]) -> None:
        self._gaps = len(encoded_rates[0].parts) - 1 if encoded_rates else 0
        # Of each fragment its parts, an age after every one but the last; then the end of the list.
        self._stride = 2 * self._gaps + 1
        self._pieces = [b""] * (self._stride * len(encoded_rates)) + [b"]" if encoded_rates else b"[]"]
        # When each was observed, in whole milliseconds and the rest of another.
        self._times = [(0, 0)] * len(encoded_rates)
        self._text: bytes | None = None
        self._written_for = 0, 0
        for place, encoded_rate in enumerate(encoded_rates):
            self._put(place, encoded_rate)
        self._measure()

    def replace(self, changed: dict[int, EncodedRate]) -> None:
        """Other fragments in these places."""
        for place, encoded_rate in changed.items():
            self._put(place, encoded_rate)
        self._measure()

    def write(self, now_us: int) -> bytes:
        """The list as it stands at that moment, in microseconds since the Unix epoch."""
        now_ms, rest = divmod(now_us, US_PER_MS)
        # Ages of what was observed at whole milliseconds are the same until the next one begins.
        moment = (now_ms + (rest > 0), 0) if self._is_whole else (now_ms, rest)
        if self._text is None or (self._gaps and moment != self._written_for):
            self._fill(now_us, *moment)
            self._text = b"".join(self._pieces)
            self._written_for = moment
        return self._text

    def _put(self, place: int, encoded_rate: EncodedRate) -> None:
        start = place * self._stride
        self._pieces[start : start + self._stride : 2] = encoded_rate.parts
        self._pieces[start] = encoded_rate.with_comma if place else b"[" + encoded_rate.parts[0]
        self._times[place] = divmod(encoded_rate.observed_us, US_PER_MS)

    def _measure(self) -> None:
        self._text = None
        self._is_whole = not any(rest for _, rest in self._times)
        places: dict[tuple[int, int], int] = {}
        slots = [places.setdefault(each, len(places)) for each in self._times]
        # What one message brought was often observed at one moment: its age is worked out once.
        is_shared = 2 * len(places) < len(slots)
        self._spread: Callable[[Sequence[bytes]], Sequence[bytes]] | None = (
            itemgetter(*slots) if is_shared else None
        )
        self._moments = list(places) if is_shared else self._times
        self._first = min(self._moments, default=(0, 0))[0]
        self._last = max(self._moments, default=(0, 0))[0] + 1

    def _fill(self, now_us: int, now_ms: int, rest: int) -> None:
        """Ages, rounded up: whole milliseconds between, and one more for what is left of another."""
        if not self._gaps:
            return
        if self._last > now_ms or now_ms - self._first + 1 >= len(AGES):
            ages: Sequence[bytes] = [
                write_age(now_us - US_PER_MS * whole - part) for whole, part in self._moments
            ]
        elif self._is_whole:
            ages = [AGES[now_ms - whole] for whole, _ in self._moments]
        else:
            ages = [AGES[now_ms - whole + (rest > part)] for whole, part in self._moments]
        if self._spread:
            ages = self._spread(ages)
        for gap in range(self._gaps):
            self._pieces[2 * gap + 1 : -1 : self._stride] = ages
