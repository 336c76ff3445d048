"""The recent bars of a gateway equal the trades, however they were told."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings

from gateway.state.recent_bars import RecentBars
from history.bar import Bar, bar_of, fold
from history.batch import BarBatch
from history.coverage import CandleCoverage
from history.interval import Interval, TimeSpan, span_at
from history.trade import Trade
from history.trade_fold import TradeFold
from rates.source import Source
from tests.history.trades import START, at, numbered_trades, trade
from tests.lengths import at_length
from tests.pipeline.fakes import BTC

TICK = timedelta(milliseconds=100)


def fold_of(session: str = "one") -> TradeFold:
    return TradeFold(Source.BINANCE, session, max_skew=timedelta(seconds=10))


def batches(
    fold: TradeFold, trades: Iterable[Trade], end: datetime, start: datetime = START, latency_s: float = 0
) -> list[BarBatch]:
    """Return the batches of a feed that receives these trades, on a connection that stands."""
    waiting = list(trades)
    found: list[BarBatch] = []
    now = start
    while now <= end:
        while waiting and waiting[0].time + timedelta(seconds=latency_s) <= now:
            fold.fold(BTC, [waiting.pop(0)], now)
        fold.confirm([BTC], now)
        if (batch := fold.take(now)) is not None:
            found.append(batch)
        now += TICK
    return found


def apply(bars: RecentBars, told: Sequence[BarBatch]) -> None:
    bars.is_current = True
    for batch in told:
        bars.apply(batch, batch.folded_at)


def known(bars: RecentBars, until: datetime) -> Bar | None:
    """Return everything that is known up to a time, by minutes."""
    series = bars.find(BTC)
    minute = span_at(Interval.M1, START).start
    found = []
    while minute < until:
        bar, _, _ = series.read_minute(minute)
        if bar is not None:
            found.append(bar)
        minute += timedelta(minutes=1)
    return fold(found)


@pytest.mark.slow
@settings(max_examples=at_length(60), deadline=None)
@given(numbered_trades())
def test_every_trade_is_counted_once(trades: list[Trade]) -> None:
    """At every moment what is known is the fold of the first trades, in the end of all."""
    end = trades[-1].time + timedelta(seconds=2)
    bars = RecentBars(Source.BINANCE)
    for batch in batches(fold_of(), trades, end):
        apply(bars, [batch, batch])
        found = known(bars, end + timedelta(minutes=1))
        count = 0 if found is None else found.trades
        assert found == fold(map(bar_of, trades[:count]))
    assert count == len(trades)


def test_the_log_has_the_same_but_for_the_forming_second() -> None:
    """A gateway that starts reads the end of the log, then follows the channel."""
    trades = [trade(number, number * 0.7) for number in range(1, 60)]
    told = batches(fold_of(), trades, at(45))
    direct, joined = RecentBars(Source.BINANCE), RecentBars(Source.BINANCE)
    apply(direct, told)
    for batch in told[:-5]:
        joined.apply(msgspec.structs.replace(batch, forming=()))
    apply(joined, told[-8:])
    assert known(joined, at(60)) == known(direct, at(60)) == fold(map(bar_of, trades))
    assert joined.find(BTC).spans == direct.find(BTC).spans
    assert joined.through == direct.through


def test_a_minute_is_complete_once_it_is_proved() -> None:
    """As the recorder judges it: before that it is partial."""
    bars, fold_ = RecentBars(Source.BINANCE), fold_of()
    minute = TimeSpan(at(60), at(120))
    apply(bars, batches(fold_, [trade(1, 70)], at(120.5)))
    series = bars.find(BTC)
    assert series.coverage_of(minute, bars.through, has_trades=True) is CandleCoverage.PARTIAL
    apply(bars, batches(fold_, [], at(122), at(120.6)))
    assert series.coverage_of(minute, bars.through, has_trades=True) is CandleCoverage.COMPLETE


def test_a_late_trade_corrects_a_closed_span() -> None:
    """It does not correct a longer one that is not over."""
    bars, fold_ = RecentBars(Source.BINANCE), fold_of()
    apply(bars, batches(fold_, [trade(1, 58), trade(3, 59.9)], at(60.1)))
    now = at(60.1)
    assert bars.closed_through(bars.find(BTC), now) < at(60)
    apply(bars, batches(fold_, [], at(60.5), at(60.2)))
    series = bars.find(BTC)
    assert bars.closed_through(series, at(60.2)) >= at(60)
    assert series.read_minute(at(0))[2] == 0
    fold_.fold(BTC, [trade(2, 59.5, "101")], at(61))
    apply(bars, batches(fold_, [], at(61.5), at(61)))
    bar, known_at, late = series.read_minute(at(0))
    assert bar is not None
    assert (bar.trades, str(bar.high), late, known_at) == (3, "101", 1, at(61))
    assert series.count_late(TimeSpan(at(0), at(300))) == 0


def test_the_first_trade_of_a_later_second_closes_what_was_before() -> None:
    """Although the 200 ms after its end are not over."""
    bars, fold_ = RecentBars(Source.BINANCE), fold_of()
    apply(bars, batches(fold_, [trade(1, 59.5), trade(2, 60.01)], at(60.1)))
    assert bars.closed_through(bars.find(BTC), at(60.1)) == at(60)


def test_a_span_closes_by_the_clock_if_no_batch_comes() -> None:
    """Later while a known second is awaited, or while batches are being lost."""
    bars = RecentBars(Source.BINANCE)
    apply(bars, batches(fold_of(), [trade(1, 59.5)], at(59.9)))
    series = bars.find(BTC)
    assert bars.closed_through(series, at(61)) < at(60)
    assert bars.closed_through(series, at(62.2)) >= at(60)
    bars, fold_ = RecentBars(Source.BINANCE), fold_of()
    apply(bars, batches(fold_, [trade(1, 50)], at(59.9)))
    series = bars.find(BTC)
    bars.is_current = False
    assert bars.closed_through(series, at(60.3)) < at(60)
    bars.is_current = True
    assert bars.closed_through(series, at(60.4)) < at(60)
    assert bars.closed_through(series, at(60.5)) == at(60)
    bars.is_current = False
    assert bars.closed_through(series, at(122.1)) < at(120)
    assert bars.closed_through(series, at(122.2)) == at(120)


def test_a_missing_batch_forgets_everything_before() -> None:
    """From the end of the second on in which the next one came, all is known again."""
    told = batches(fold_of(), [trade(number, number) for number in range(1, 20)], at(20))
    bars = RecentBars(Source.BINANCE)
    apply(bars, told[:30])
    assert bars.lost_at is None
    lost = told[31]
    assert not bars.follows(lost)
    apply(bars, told[31:])
    assert bars.lost_at == lost.folded_at
    assert bars.since == span_at(Interval.S1, lost.folded_at).end
    assert all(span.start >= bars.since for span in bars.find(BTC).spans)
    seconds = [start for start, _ in bars.find(BTC).read_seconds(TimeSpan(at(0), at(60)))]
    assert min(seconds) >= bars.since - timedelta(seconds=2)


def test_a_takeover_loses_nothing_and_doubles_nothing() -> None:
    """The standby tells again what the first process may not have told."""
    trades = [trade(number, number * 0.3) for number in range(1, 100)]
    first, standby = fold_of("one"), fold_of("two")
    told = batches(first, trades, at(15))
    batches(standby, [one for one in trades if one.time < at(21)], at(21))
    positions = [one for batch in told for one in first.positions(batch)]
    standby.take_over(positions[-1:], at(21))
    bars = RecentBars(Source.BINANCE)
    apply(bars, told)
    apply(bars, batches(standby, [one for one in trades if one.time >= at(21)], at(33), at(21.1)))
    assert known(bars, at(60)) == fold(map(bar_of, trades))


def test_the_second_that_was_forming_when_a_feed_was_killed_is_not_covered() -> None:
    """Its trades were in no batch, however much of it was proved."""
    bars = RecentBars(Source.BINANCE)
    apply(bars, batches(fold_of(), [trade(1, 1.2), trade(2, 5.2)], at(5.5)))
    assert bars.through == at(5.2)
    apply(bars, batches(fold_of("two"), [trade(5, 13.1)], at(15), start=at(12)))
    assert bars.find(BTC).spans[0].end == at(5)


def test_old_seconds_are_forgotten() -> None:
    """`since` says from when on all are known."""
    bars = RecentBars(Source.BINANCE)
    apply(bars, batches(fold_of(), [trade(number, number) for number in range(1, 400)], at(400)))
    assert bars.since == at(180)
    assert min(bars.find(BTC).minutes) == at(180)


def test_the_number_of_seconds_is_bounded() -> None:
    """The oldest minutes go first."""
    bars = RecentBars(Source.BINANCE, max_seconds=70)
    apply(bars, batches(fold_of(), [trade(number, number) for number in range(1, 130)], at(130)))
    assert bars.since == at(60)
    assert min(bars.find(BTC).minutes) == at(60)
