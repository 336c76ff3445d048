"""Candles fold into longer ones with their coverage, revisions and states."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec

from history.bar import bar_of
from history.candle import Candle, CandleState
from history.candle_fold import KnownBar
from history.candle_parts import Portion, fold_minutes, fold_parts, fold_portions
from history.coverage import CandleCoverage
from history.interval import Interval, TimeSpan
from tests.history.trades import at, trade

COMPLETE, PARTIAL = CandleCoverage.COMPLETE, CandleCoverage.PARTIAL
NO_TRADES, UNKNOWN = CandleCoverage.NO_TRADES, CandleCoverage.UNKNOWN
LATE = at(86_400)


def minute(number: int, coverage: CandleCoverage = COMPLETE, price: str = "100", revision: int = 0) -> Candle:
    """Return a minute with one trade, unless nothing was traded in it."""
    start = at(60 * number)
    has_trade = coverage in {COMPLETE, PARTIAL}
    return Candle(
        interval=Interval.M1,
        open_time=start,
        close_time=start + timedelta(minutes=1),
        bar=bar_of(trade(number + 1, 60 * number + 5, price)) if has_trade else None,
        state=CandleState.CLOSED,
        coverage=coverage,
        revision=revision,
        known_at=start + timedelta(seconds=62),
    )


def fold_five(*minutes: Candle) -> Candle:
    """Return the first five minutes as one candle."""
    (found,) = fold_parts(Interval.M5, TimeSpan(at(0), at(300)), minutes, as_of=LATE)
    return found


def test_a_candle_is_complete_only_if_all_its_parts_are() -> None:
    """A missing minute, a partial one and an unknown one make it partial."""
    assert fold_five(*map(minute, range(5))).coverage is COMPLETE
    assert fold_five(*map(minute, range(4))).coverage is PARTIAL
    assert fold_five(*map(minute, range(4)), minute(4, PARTIAL)).coverage is PARTIAL
    assert fold_five(*map(minute, range(4)), minute(4, UNKNOWN)).coverage is PARTIAL


def test_a_time_without_trades_is_told_from_an_unknown_one() -> None:
    """All minutes are known to be empty; or some are; or nothing is known."""
    assert fold_five(*(minute(number, NO_TRADES) for number in range(5))).coverage is NO_TRADES
    assert fold_five(minute(0, NO_TRADES)).coverage is PARTIAL
    assert fold_five(minute(0, UNKNOWN)).coverage is UNKNOWN
    assert fold_five().coverage is UNKNOWN


def test_prices_are_those_of_the_first_and_the_last_trade() -> None:
    """Minutes without trades do not count."""
    bar = fold_five(
        minute(0, NO_TRADES), minute(1, price="7"), minute(2, price="3"), minute(3, price="5")
    ).bar
    assert bar is not None
    assert [str(price) for price in (bar.open, bar.high, bar.low, bar.close)] == ["7", "7", "3", "5"]
    assert (bar.trades, str(bar.volume)) == (3, "3")


def test_only_corrections_after_the_close_count_as_revisions() -> None:
    """One of them was known before the five minutes were over."""
    early, late = minute(0, revision=1), minute(4, revision=2)
    assert fold_five(early, *map(minute, range(1, 5))).state is CandleState.CLOSED
    found = fold_five(*map(minute, range(4)), late)
    assert (found.state, found.revision) == (CandleState.CORRECTED, 2)


def test_a_candle_forms_until_trades_of_its_time_have_arrived() -> None:
    """Trades may arrive for 200 ms after its end."""
    window = TimeSpan(at(0), at(300))
    forming, closed = (
        next(
            fold_parts(
                Interval.M5, window, map(minute, range(5)), as_of=at(300) + timedelta(milliseconds=late)
            )
        )
        for late in (199, 200)
    )
    assert (forming.state, closed.state) == (CandleState.FORMING, CandleState.CLOSED)


def test_every_span_of_the_window_has_a_candle() -> None:
    """Nothing is known of the second one."""
    window = TimeSpan(at(0), at(900))
    found = list(fold_parts(Interval.M5, window, [minute(1), minute(11)], as_of=LATE))
    assert [one.coverage for one in found] == [PARTIAL, UNKNOWN, PARTIAL]
    assert [one.open_time for one in found] == [at(0), at(300), at(600)]


def test_portions_fold_to_the_same_candle_as_their_minutes() -> None:
    """The place at which the time of the candle is cut makes no difference."""
    minutes = [minute(number, revision=number) for number in range(5)]
    for cut in range(6):
        spans = [TimeSpan(at(0), at(60 * cut)), TimeSpan(at(60 * cut), at(300))]
        portions = [Portion(span, at(300.2)) for span in spans if span.start < span.end]
        folded = fold_five(*fold_portions(portions, minutes))
        whole = fold_five(*minutes)
        assert msgspec.structs.replace(folded, bar=None) == msgspec.structs.replace(whole, bar=None)
        assert folded.bar == whole.bar


def test_seconds_make_minutes_that_nothing_proves() -> None:
    """The second minute has no second."""
    seconds = [
        KnownBar(at(second), bar_of(trade(second + 1, second)), at(second + 2)) for second in (3, 59, 121)
    ]
    found = list(fold_minutes(seconds, as_of=at(130)))
    assert [(one.open_time, one.state) for one in found] == [
        (at(0), CandleState.CLOSED),
        (at(120), CandleState.FORMING),
    ]
    assert [one.bar.trades for one in found if one.bar] == [2, 1]
    assert {one.coverage for one in found} == {PARTIAL}


def test_a_day_of_a_change_of_the_clocks_is_whole_with_all_its_minutes() -> None:
    """In Berlin the last Sunday of October has 25 hours."""
    start = at(0).replace(year=2024, month=10, day=26, hour=22)
    hours = [
        Candle(
            interval=Interval.H1,
            open_time=start + timedelta(hours=hour),
            close_time=start + timedelta(hours=hour + 1),
            bar=None,
            state=CandleState.CLOSED,
            coverage=NO_TRADES,
            revision=0,
            known_at=start + timedelta(hours=hour + 1),
        )
        for hour in range(25)
    ]
    window = TimeSpan(start, start + timedelta(hours=25))
    berlin = ZoneInfo("Europe/Berlin")
    (day,) = fold_parts(Interval.D1, window, hours, as_of=start + timedelta(days=9), zone=berlin)
    assert (day.coverage, day.close_time - day.open_time) == (NO_TRADES, timedelta(hours=25))
    (day,) = fold_parts(Interval.D1, window, hours[:24], as_of=start + timedelta(days=9), zone=berlin)
    assert day.coverage is PARTIAL
