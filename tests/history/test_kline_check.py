"""Our minutes against the klines of their source: equal, different, or filled."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pytest

from history.bar import Bar, bar_of, fold
from history.candle import Candle, CandleOrigin, CandleState
from history.check_plan import CheckState, SeriesChecks, checkable, plan_window
from history.check_runs import CheckRun, cut_out, join_runs, list_unchecked, to_runs
from history.coverage import CandleCoverage, CoveredSpan, GapReason
from history.interval import Interval, TimeSpan
from history.kline import MINUTE, Kline, KlineTraits
from history.kline_check import (
    Answer,
    KlineVerdict,
    MinuteCheck,
    check_minutes,
    find_answered,
    find_differences,
)
from tests.history.trades import START, at, trade

D = Decimal
PLAIN = KlineTraits(page=1000)
OMITS = KlineTraits(page=300, omits_empty=True)
CARRIES = KlineTraits(page=1000, may_open_at_close=True)
OURS = fold(
    [bar_of(trade(1, 1, "100", "0.1")), bar_of(trade(2, 30, "102", "2")), bar_of(trade(3, 59, "99", "1"))]
)
EQUAL, DIFFERS, FILLED, NOT_CHECKED = (
    KlineVerdict.EQUAL,
    KlineVerdict.DIFFERS,
    KlineVerdict.FILLED,
    KlineVerdict.NOT_CHECKED,
)


def kline(minute: int = 0, others: Mapping[str, object] | None = None, **values: object) -> Kline:
    """Return the kline of the trades above, or another one."""
    fields: dict[str, object] = {
        "open_time": START + minute * MINUTE,
        "open": D("100.0"),
        "high": D(102),
        "low": D("99"),
        "close": D("99.00"),
        "volume": D("3.10"),
        "quote_volume": D("313.0"),
        "trades": 3,
    }
    return Kline(**(fields | dict(others or {}) | values))  # type: ignore[arg-type] # fields of a kline


def empty(minute: int) -> Kline:
    """Return the kline of a minute without trades."""
    zero: dict[str, object] = dict.fromkeys(("volume", "quote_volume"), D(0))
    flat: dict[str, object] = dict.fromkeys(("open", "high", "low", "close"), D(99))
    return kline(minute, flat | zero | {"trades": 0})


def candle(
    minute: int,
    coverage: CandleCoverage,
    bar: Bar | None = None,
    origin: CandleOrigin = CandleOrigin.TRADES,
) -> Candle:
    """Return a stored minute."""
    open_time = START + minute * MINUTE
    return Candle(
        interval=Interval.M1,
        open_time=open_time,
        close_time=open_time + MINUTE,
        bar=bar,
        state=CandleState.CLOSED,
        coverage=coverage,
        revision=0,
        known_at=open_time + 2 * MINUTE,
        origin=origin,
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"open": D("100.1")}, ["open"]),
        ({"high": D("102.5")}, ["high"]),
        ({"low": D("98.9")}, ["low"]),
        ({"close": D("99.1")}, ["close"]),
        ({"volume": D("3.11")}, ["volume"]),
        ({"volume": D("3.1000000000001")}, []),
        ({"quote_volume": D("313.1")}, ["quote_volume"]),
        ({"quote_volume": D("313.00000001")}, []),
        ({"trades": 4}, ["trades"]),
        ({"quote_volume": None, "trades": None}, []),
    ],
)
def test_each_value_is_compared(values: dict[str, object], expected: list[str]) -> None:
    """Prices and counts exactly, by value and not by digits; what is not told is not compared."""
    assert find_differences(OURS, kline(0, values), None, PLAIN) == expected


def test_trades_on_one_side_only_differ() -> None:
    """A minute without trades is equal to one without trades."""
    assert find_differences(None, kline(), None, PLAIN) == ["trades"]
    assert find_differences(OURS, empty(0), None, PLAIN) == ["trades"]
    assert find_differences(None, empty(0), None, PLAIN) == []


def test_a_kline_may_begin_at_the_close_before_it_where_its_source_does_that() -> None:
    """High and low then reach there too. Nothing else may differ, and no other source may do it."""
    before = kline(-1, close=D(104), high=D(104))
    carried = kline(open=D(104), high=D(104))
    assert find_differences(OURS, carried, before, CARRIES) == []
    assert find_differences(OURS, carried, before, PLAIN) == ["open", "high"]
    assert find_differences(OURS, carried, None, CARRIES) == ["open", "high"]
    assert find_differences(OURS, kline(open=D(104), high=D(105)), before, CARRIES) == ["high"]


def verdicts(checks: list[MinuteCheck]) -> list[tuple[KlineVerdict, bool]]:
    """Return verdict, and whether the minute is filled."""
    return [(one.verdict, one.fills) for one in checks]


def test_whole_minutes_are_compared_and_others_are_filled() -> None:
    """A minute that is missing in the answer is neither."""
    minutes = {
        one.open_time: one
        for one in (
            candle(0, CandleCoverage.COMPLETE, OURS),
            candle(1, CandleCoverage.PARTIAL, bar_of(trade(7, 61, "100", "0.5"))),
            candle(2, CandleCoverage.NO_TRADES),
            candle(5, CandleCoverage.COMPLETE, OURS, CandleOrigin.EXCHANGE),
        )
    }
    klines = [kline(0), kline(1), kline(2), empty(3), kline(5)]
    checks = check_minutes(Answer(TimeSpan(START, START + 6 * MINUTE), klines), minutes, PLAIN)
    assert verdicts(checks) == [
        (EQUAL, False),
        (FILLED, True),
        (DIFFERS, False),
        (FILLED, True),
        (NOT_CHECKED, False),
        (FILLED, False),
    ]
    assert [check.bar is None for check in checks[:4]] == [True, False, False, True]
    filled = checks[1].bar
    assert filled is not None
    assert (filled.close, filled.volume, filled.trades) == (D(99), D("3.1"), 3)
    assert {filled.first_at, filled.last_at} == {at(120) - timedelta(microseconds=1)}


def test_minutes_between_two_candles_had_no_trades_where_a_source_leaves_such_minutes_out() -> None:
    """Trades of ours are never replaced by nothing, and an empty answer proves nothing."""
    window = TimeSpan(START, START + 6 * MINUTE)
    minutes = {at(180): candle(3, CandleCoverage.PARTIAL, bar_of(trade(7, 185, "100", "0.5")))}
    answer = find_answered(Answer(window, [kline(1), kline(4)]), OMITS, at(6 * 60))
    assert answer is not None
    # What was before the first candle belongs to the page before this one, which ends with it.
    assert answer.window == TimeSpan(at(120), at(300))
    checks = check_minutes(answer, minutes, OMITS)
    assert verdicts(checks) == [(FILLED, True), (DIFFERS, False), (FILLED, True)]
    assert [check.bar is None for check in checks] == [True, True, False]
    assert find_answered(Answer(window, []), OMITS, START + timedelta(days=1)) is None


def test_minutes_before_the_first_candle_of_all_are_not_known() -> None:
    """Unless the source has told something of the minute before them."""
    window = TimeSpan(START, START + 3 * MINUTE)
    alone = find_answered(Answer(window, [kline(2)]), OMITS, at(600))
    assert alone is not None
    assert verdicts(check_minutes(alone, {}, OMITS)) == [(NOT_CHECKED, False)] * 2 + [(FILLED, True)]
    continued = find_answered(Answer(window, [kline(2)], is_continued=True), OMITS, at(600))
    assert continued is not None
    assert verdicts(check_minutes(continued, {}, OMITS)) == [(FILLED, True)] * 3


def test_a_kline_without_the_trades_that_we_know_fills_and_differs() -> None:
    """Its source stands by it; the contradiction is kept."""
    part = bar_of(trade(7, 5, "200", "0.5"))
    minutes = {START: candle(0, CandleCoverage.PARTIAL, part)}
    (check,) = check_minutes(Answer(TimeSpan(START, at(60)), [kline(0)]), minutes, PLAIN)
    assert (check.verdict, check.fills, check.ours) == (DIFFERS, True, part)


def test_klines_that_may_still_come_are_waited_for() -> None:
    """An answer ends with its last kline; what is more than an hour ago will not come any more."""
    window = TimeSpan(START, START + 10 * MINUTE)
    soon, later = START + 15 * MINUTE, START + 71 * MINUTE
    some, nothing = Answer(window, [kline(4)]), Answer(window, [])
    assert find_answered(some, PLAIN, soon) == some._replace(window=TimeSpan(START, at(300)))
    assert find_answered(nothing, PLAIN, soon) is None
    assert find_answered(nothing, PLAIN, later) == nothing
    part = find_answered(nothing, PLAIN, START + 63 * MINUTE)
    assert part == nothing._replace(window=TimeSpan(START, at(180)))


def run(start: int, end: int, verdict: KlineVerdict = EQUAL) -> CheckRun:
    """Return a run of minutes."""
    return CheckRun(START + start * MINUTE, START + end * MINUTE, verdict)


def test_verdicts_are_kept_as_runs() -> None:
    """Minutes that differ stay alone, with both values."""
    checks = [
        MinuteCheck(START + number * MINUTE, verdict, OURS, kline(number))
        for number, verdict in enumerate((EQUAL, EQUAL, DIFFERS, DIFFERS, FILLED))
    ]
    runs = to_runs(checks)
    assert [(one.verdict, (one.end - one.start) // MINUTE) for one in runs] == [
        (EQUAL, 2),
        (DIFFERS, 1),
        (DIFFERS, 1),
        (FILLED, 1),
    ]
    assert [one.ours is None for one in runs] == [True, False, False, True]
    assert join_runs([run(2, 4), run(0, 2), run(5, 6)]) == [run(0, 4), run(5, 6)]
    assert cut_out([run(0, 5), run(5, 9)], TimeSpan(at(120), at(360))) == [run(0, 2), run(6, 9)]
    assert list_unchecked(TimeSpan(at(0), at(600)), [run(1, 3), run(5, 20)]) == [
        TimeSpan(at(180), at(300)),
        TimeSpan(at(0), at(60)),
    ]


def checks_of(runs: list[CheckRun], *spans: tuple[float, float]) -> SeriesChecks:
    """Return an instrument with verdicts and covered spans."""
    found = [CoveredSpan(at(start), at(end), GapReason.STALLED) for start, end in spans]
    return SeriesChecks(1, runs, found)


def minutes(start: int, end: int) -> TimeSpan:
    """Return a time in minutes."""
    return TimeSpan(START + start * MINUTE, START + end * MINUTE)


def test_the_newest_minutes_are_compared_first_in_pages() -> None:
    """Those without a gap an hour at a time, those with one as soon as there are five."""
    whole, covered = minutes(0, 2000), (0.0, 200_000.0)
    assert plan_window(whole, checks_of([], covered), PLAIN) == minutes(1000, 2000)
    assert plan_window(whole, checks_of([run(1000, 2000)], covered), PLAIN) == minutes(0, 1000)
    assert plan_window(whole, checks_of([run(0, 1941)], covered), PLAIN) is None
    assert plan_window(whole, checks_of([run(0, 1940)], covered), PLAIN) == minutes(1940, 2000)
    gap = ((0.0, 1_996 * 60.0), (1_997 * 60.0, 200_000.0))
    assert plan_window(whole, checks_of([run(0, 1996)], *gap), PLAIN) is None
    assert plan_window(whole, checks_of([run(0, 1995)], *gap), PLAIN) == minutes(1995, 2000)
    # What was corrected is compared again, however short it is.
    assert plan_window(whole, checks_of([run(0, 7), run(8, 1990)], covered), PLAIN) == minutes(7, 8)


def test_only_settled_minutes_within_reach_are_compared() -> None:
    """The recorder has stored them, and the source has them."""
    now = START + timedelta(hours=30, seconds=20)
    since = now - timedelta(hours=24)
    state = CheckState(START + timedelta(hours=29), {})
    assert checkable(state, PLAIN, now=now, since=since) == TimeSpan(at(6 * 3600 + 60), at(29 * 3600))
    caught_up = CheckState(now, {})
    reach = KlineTraits(page=720, reach=timedelta(minutes=710))
    found = checkable(caught_up, reach, now=now, since=since)
    assert found == TimeSpan(at(30 * 3600 - 709 * 60), at(30 * 3600 - 120))
    behind = CheckState(START, {})
    assert checkable(behind, PLAIN, now=now, since=since) is None
