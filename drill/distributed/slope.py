"""Growth per hour with its confidence, from samples that depend on each other. Pure."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

# Neighbouring samples are alike; the means of so many blocks are nearly independent.
BLOCKS = 12
# Student's t for 95 % on both sides with BLOCKS - 2 degrees of freedom.
T_95 = 2.228
SECONDS_PER_HOUR = 3_600.0


@dataclass(frozen=True)
class Slope:
    """Growth per hour: the estimate, and half the width of its 95 % interval."""

    per_hour: float
    margin: float

    def exceeds(self, bound: float) -> bool:
        """Whether the growth is above the bound for certain (95 %)."""
        return self.per_hour - self.margin > bound

    def stays_within(self, bound: float) -> bool:
        """Whether the growth is at most the bound for certain (95 %)."""
        return self.per_hour + self.margin <= bound


def fit_slope(samples: Sequence[tuple[float, float]]) -> Slope:
    """Fit a line through samples of (seconds, value) by least squares over the means of blocks.

    Raises:
        ValueError: there are fewer samples than blocks.
    """
    if len(samples) < BLOCKS:
        raise ValueError(f"{len(samples)} samples, expected at least {BLOCKS}")
    bounds = [round(number * len(samples) / BLOCKS) for number in range(BLOCKS + 1)]
    blocks = [samples[start:end] for start, end in itertools.pairwise(bounds)]
    times = [fmean(time for time, _ in block) / SECONDS_PER_HOUR for block in blocks]
    values = [fmean(value for _, value in block) for block in blocks]
    mean_time, mean_value = fmean(times), fmean(values)
    spread = sum((time - mean_time) ** 2 for time in times)
    slope = (
        sum((time - mean_time) * (value - mean_value) for time, value in zip(times, values, strict=True))
        / spread
    )
    rest = sum(
        (value - mean_value - slope * (time - mean_time)) ** 2
        for time, value in zip(times, values, strict=True)
    )
    return Slope(slope, T_95 * math.sqrt(rest / (BLOCKS - 2) / spread))
