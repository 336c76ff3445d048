"""Only what was proved is covered; the rest is a gap with a reason."""

from hypothesis import given
from hypothesis import strategies as st

from history.coverage import (
    CandleCoverage,
    CoveredSpan,
    Gap,
    GapReason,
    find_gaps,
    join_spans,
    judge_coverage,
)
from history.interval import TimeSpan
from tests.history.trades import at

MINUTE = TimeSpan(at(0), at(60))
LOST = GapReason.DISCONNECTED


def span(start: float, end: float, reason: GapReason | None = None) -> CoveredSpan:
    """Return a covered span."""
    return CoveredSpan(at(start), at(end), reason)


def test_a_candle_without_trades_is_not_one_of_an_unknown_time() -> None:
    """The covered spans tell the two from each other."""
    whole, half, after = [span(0, 60)], [span(-60, 30)], [span(60, 120)]
    judged = [
        (judge_coverage(MINUTE, spans, has_trades=False), judge_coverage(MINUTE, spans, has_trades=True))
        for spans in (whole, half, after, [])
    ]
    assert judged == [
        (CandleCoverage.NO_TRADES, CandleCoverage.COMPLETE),
        (CandleCoverage.PARTIAL, CandleCoverage.PARTIAL),
        (CandleCoverage.UNKNOWN, CandleCoverage.PARTIAL),
        (CandleCoverage.UNKNOWN, CandleCoverage.PARTIAL),
    ]


def test_a_hole_of_a_microsecond_makes_a_candle_partial() -> None:
    """Nothing is rounded to complete."""
    spans = [span(0, 29.999999), span(30, 60)]
    assert judge_coverage(MINUTE, spans, has_trades=True) is CandleCoverage.PARTIAL


def test_gaps_have_the_reason_for_which_the_span_before_them_ended() -> None:
    """Before the first span the instrument was not tracked."""
    spans = [span(10, 20, GapReason.STALLED), span(25, 40, LOST)]
    assert list(find_gaps(MINUTE, spans)) == [
        Gap(at(0), at(10), GapReason.NOT_TRACKED),
        Gap(at(20), at(25), GapReason.STALLED),
        Gap(at(40), at(60), LOST),
    ]


def test_a_window_that_is_covered_has_no_gaps() -> None:
    """Also by a span that goes on."""
    assert list(find_gaps(MINUTE, [span(-10, 70)])) == []


def test_a_proof_that_nothing_is_missing_joins_two_spans() -> None:
    """The second one is recorded with an earlier start; it ends the gap and its reason."""
    assert join_spans([span(0, 20, LOST), span(15, 60)]) == [span(0, 60)]
    assert join_spans([span(0, 20, LOST), span(20, 30)]) == [span(0, 30)]
    assert join_spans([span(0, 20, LOST), span(21, 30)]) == [span(0, 20, LOST), span(21, 30)]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20))))
def test_gaps_and_spans_tile_the_window(found: list[tuple[int, int]]) -> None:
    """Each second is in one of both."""
    spans = join_spans(span(start, start + length) for start, length in found)
    gaps = list(find_gaps(MINUTE, spans))
    for second in range(60):
        is_covered = any(start <= second < start + length for start, length in found)
        assert is_covered is not any(gap.start <= at(second) < gap.end for gap in gaps)
