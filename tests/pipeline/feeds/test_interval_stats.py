"""Statistics of intervals between events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.feeds.interval_stats import IntervalStats


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(0, 70)), max_size=12))
def test_events_that_come_at_once_count_like_single_ones(groups: list[tuple[float, int]]) -> None:
    """Whether the average has all its intervals yet or not."""
    one, together, now = IntervalStats(30), IntervalStats(30), 0.0
    for passed_s, count in groups:
        now += passed_s
        for _ in range(count):
            one.record(now)
        together.record_together(now, count)
        assert together.last == one.last
        assert together.mean == pytest.approx(one.mean)
        assert together.is_steady is one.is_steady
        assert together.usual_limit_s == pytest.approx(one.usual_limit_s)
        assert together.first_limit_s(1_000) == pytest.approx(one.first_limit_s(1_000))
        assert together.silence_limit_s == pytest.approx(one.silence_limit_s)
