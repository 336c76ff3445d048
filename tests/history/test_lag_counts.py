"""Quantiles of delays from counts that can be merged."""

import random

from history.lag_counts import LagCounts


def count(lags: list[int]) -> LagCounts:
    counts = LagCounts()
    for lag in lags:
        counts.add(lag)
    return counts


def test_quantiles_are_at_most_a_sixteenth_too_high() -> None:
    """Compared with the sorted delays themselves; small ones are exact."""
    chance = random.Random(1)
    for _ in range(300):
        lags = [int(chance.lognormvariate(4, 3)) for _ in range(chance.randrange(1, 60))]
        for share in (0.5, 0.99):
            wanted = sorted(lags)[max(0, -(-int(share * 100) * len(lags) // 100) - 1)]
            found = count(lags).quantile_ms(share)
            assert found is not None
            assert wanted <= found <= wanted * 17 / 16
            if wanted < 32:
                assert found == wanted


def test_parts_merge_into_the_counts_of_the_whole() -> None:
    """Also after they were stored."""
    chance = random.Random(2)
    lags = [chance.randrange(100_000) for _ in range(500)]
    merged = LagCounts.decode(count(lags[:200]).encode())
    merged.merge(count(lags[200:]))
    assert merged.encode() == count(lags).encode()


def test_nothing_has_no_quantile() -> None:
    """A time without a value."""
    assert LagCounts().quantile_ms(0.5) is None
