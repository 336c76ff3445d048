"""The bytes of a list of encoded rates, with gaps that are filled with current ages."""

from collections.abc import Callable, Sequence
from operator import itemgetter

from gateway.fastpath.encoded_rate import ENCODED_AGES, US_PER_MS, EncodedRate, encode_age


class ListTemplate:
    """A list of encoded rates of one selection that is encoded often and changes little."""

    def __init__(self, encoded_rates: Sequence[EncodedRate]) -> None:
        self._age_count = len(encoded_rates[0].parts) - 1 if encoded_rates else 0
        # The parts of each rate, with an age after every part but the last; then the end of the list.
        self._stride = 2 * self._age_count + 1
        self._chunks = [b""] * (self._stride * len(encoded_rates)) + [b"]" if encoded_rates else b"[]"]
        # The observation times, in whole milliseconds and remaining microseconds.
        self._times = [(0, 0)] * len(encoded_rates)
        self._encoded: bytes | None = None
        self._encoded_for = 0, 0
        for index, encoded_rate in enumerate(encoded_rates):
            self._place(index, encoded_rate)
        self._index_times()

    def replace(self, changed: dict[int, EncodedRate]) -> None:
        """Replace the rates at these indexes."""
        for index, encoded_rate in changed.items():
            self._place(index, encoded_rate)
        self._index_times()

    def encode(self, now_us: int) -> bytes:
        """Return the list with its ages at that time, in microseconds since the Unix epoch."""
        now_ms, rest = divmod(now_us, US_PER_MS)
        # Ages of rates observed at whole milliseconds change once per millisecond.
        time = (now_ms + (rest > 0), 0) if self._is_whole else (now_ms, rest)
        if self._encoded is None or (self._age_count and time != self._encoded_for):
            self._fill(now_us, *time)
            self._encoded = b"".join(self._chunks)
            self._encoded_for = time
        return self._encoded

    def _place(self, index: int, encoded_rate: EncodedRate) -> None:
        start = index * self._stride
        self._chunks[start : start + self._stride : 2] = encoded_rate.parts
        self._chunks[start] = encoded_rate.with_comma if index else b"[" + encoded_rate.parts[0]
        self._times[index] = divmod(encoded_rate.observed_us, US_PER_MS)

    def _index_times(self) -> None:
        self._encoded = None
        self._is_whole = not any(rest for _, rest in self._times)
        index_of: dict[tuple[int, int], int] = {}
        indexes = [index_of.setdefault(each, len(index_of)) for each in self._times]
        # The rates of one message often have one observation time: their age is computed once.
        is_shared = 2 * len(index_of) < len(indexes)
        self._expand: Callable[[Sequence[bytes]], Sequence[bytes]] | None = (
            itemgetter(*indexes) if is_shared else None
        )
        self._distinct_times = list(index_of) if is_shared else self._times
        self._earliest_ms = min(self._distinct_times, default=(0, 0))[0]
        self._latest_ms = max(self._distinct_times, default=(0, 0))[0] + 1

    def _fill(self, now_us: int, now_ms: int, rest: int) -> None:
        """Fill in the ages, rounded up to whole milliseconds."""
        if not self._age_count:
            return
        if self._latest_ms > now_ms or now_ms - self._earliest_ms + 1 >= len(ENCODED_AGES):
            ages: Sequence[bytes] = [
                encode_age(now_us - US_PER_MS * whole - part) for whole, part in self._distinct_times
            ]
        elif self._is_whole:
            ages = [ENCODED_AGES[now_ms - whole] for whole, _ in self._distinct_times]
        else:
            ages = [ENCODED_AGES[now_ms - whole + (rest > part)] for whole, part in self._distinct_times]
        if self._expand:
            ages = self._expand(ages)
        for age_number in range(self._age_count):
            self._chunks[2 * age_number + 1 : -1 : self._stride] = ages
