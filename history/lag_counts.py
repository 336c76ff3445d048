"""Counts of delays, for quantiles that can be merged. Pure."""

from collections.abc import Iterable
from math import ceil
from typing import Self

import msgspec

# Steps of each doubling: a delay is rounded up by at most a sixteenth.
_STEPS = 16
_decoder = msgspec.json.Decoder(list[tuple[int, int]])


class LagCounts:
    """Numbers of values by their delay, in whole milliseconds rounded up to steps of 6 %."""

    __slots__ = ("_counts",)

    def __init__(self, counts: Iterable[tuple[int, int]] = ()) -> None:
        self._counts = dict(counts)

    def add(self, lag_ms: int) -> None:
        """Count a delay, which is not negative."""
        step = _step_of(lag_ms)
        self._counts[step] = self._counts.get(step, 0) + 1

    def merge(self, other: "LagCounts") -> None:
        """Add all delays of another one."""
        for step, count in other._counts.items():  # noqa: SLF001 - of this class
            self._counts[step] = self._counts.get(step, 0) + count

    def quantile_ms(self, share: float) -> int | None:
        """Return the delay that a share of the values does not exceed; `None` without a value."""
        wanted = max(1, ceil(share * sum(self._counts.values())))
        seen = 0
        for step in sorted(self._counts):
            seen += self._counts[step]
            if seen >= wanted:
                return _largest_of(step)
        return None

    def encode(self) -> str:
        """Encode as JSON: pairs of a step and its count."""
        return msgspec.json.encode(sorted(self._counts.items())).decode()

    @classmethod
    def decode(cls, data: str) -> Self:
        """Decode what `encode` made."""
        return cls(_decoder.decode(data))


def _step_of(lag_ms: int) -> int:
    """Return the number of the step: exact below 32 ms, then sixteen for each doubling."""
    shift = max(0, lag_ms.bit_length() - 5)
    return shift * _STEPS + (lag_ms >> shift)


def _largest_of(step: int) -> int:
    shift = max(0, step // _STEPS - 1)
    return ((step - shift * _STEPS + 1) << shift) - 1
