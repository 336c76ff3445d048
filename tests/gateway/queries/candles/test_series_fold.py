"""Folding what may have changed answers as folding everything does."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.queries.candles.parts_reader import SeriesParts
from gateway.queries.candles.recent_parts import StoredTail, view_recent
from gateway.queries.candles.series_fold import SeriesFold
from gateway.queries.candles.stored_candles import StoredParts
from gateway.state.recent_bars import RecentBars
from history.batch import BarBatch
from history.candle import Candle, CandleState
from history.coverage import GapReason
from history.interval import Interval, TimeSpan, spans_between
from history.trade import Trade
from rates.source import Source
from tests.gateway.state.test_recent_bars import TICK, fold_of
from tests.history.trades import START, at, trade
from tests.lengths import at_length
from tests.pipeline.fakes import BTC

HELD = timedelta(seconds=20)
LENGTH_S = 30


def make_trades(chance: Random) -> list[tuple[datetime, Trade]]:
    """Return trades with the times at which they arrive, some of them seconds late."""
    found, seconds = list[tuple[datetime, Trade]](), 0.0
    number = 0
    while seconds < LENGTH_S:
        seconds += chance.expovariate(chance.choice((0.3, 3)))
        number += 1
        late_s = chance.choice((0.01, 0.05, 0.12, 0.25, chance.uniform(0, 4)))
        found.append((at(seconds + late_s), trade(number, seconds, str(chance.randint(90, 110)))))
    return sorted(found, key=lambda one: one[0])


def run(chance: Random) -> Sequence[tuple[datetime, BarBatch]]:
    """Return the batches of a feed with lost connections, a new process and lost messages."""
    fold, trades, found = fold_of(), make_trades(chance), list[tuple[datetime, BarBatch]]()
    now, count = START, 0
    while now < at(LENGTH_S + 3):
        now += TICK
        while trades and trades[0][0] <= now:
            fold.fold(BTC, [trades.pop(0)[1]], now)
        if chance.random() < 0.01:
            fold.lose([BTC], GapReason.DISCONNECTED)
        if chance.random() < 0.003:
            count += 1
            fold = fold_of(f"process {count}")
        fold.confirm([BTC], now)
        batch = fold.take(now)
        if batch is not None and chance.random() > 0.005:
            found.append((now, batch))
    return found


def make_fold() -> SeriesFold:
    return SeriesFold(
        Interval.S1,
        None,  # type: ignore[arg-type]  # seconds are the same in every zone
        SeriesParts(StoredParts((), StoredTail((), (), TimeSpan(START, START)))),
        simulated=False,
    )


def fold_now(fold: SeriesFold, bars: RecentBars, now: datetime) -> list[Candle]:
    """Return the candles that are held at a moment."""
    first = max(START, now - HELD).replace(microsecond=0)
    spans = list(spans_between(Interval.S1, first, now + timedelta(microseconds=1)))
    return fold.fold(spans, view_recent(bars, BTC, now), now)


@settings(max_examples=at_length(60), deadline=None)
@given(st.integers(0, 10**9))
def test_folding_again_is_folding_all(seed: int) -> None:
    """Trades come late, connections and batches are lost, the clock closes the rest.

    The clock does not go back: a candle of a time before all batches is closed by the clock alone, and is not opened again.
    """
    chance = Random(seed)
    bars, kept, later = RecentBars(Source.BINANCE), make_fold(), START
    for now, batch in run(chance):
        bars.is_current = chance.random() < 0.95
        bars.apply(batch, now if chance.random() < 0.9 else None)
        if chance.random() < 0.5:
            later = max(later, now + timedelta(milliseconds=chance.choice((0, 7, 90, 600, 2500))))
            assert fold_now(kept, bars, later) == fold_now(make_fold(), bars, later)


def test_seconds_that_stay_are_not_folded_again() -> None:
    """They are the very same candles, so that nothing compares or encodes them."""
    bars, kept, feed = RecentBars(Source.BINANCE), make_fold(), fold_of()
    bars.is_current, before = True, dict[int, Candle]()
    for number in range(1, 300):
        now = at(number / 10)
        feed.fold(BTC, [trade(number, number / 10 - 0.02)], now)
        feed.confirm([BTC], now)
        batch = feed.take(now)
        assert batch is not None
        bars.apply(batch, now)
        candles = fold_now(kept, bars, now)
        if number > 100:
            assert sum(id(one) not in before for one in candles) <= 4
        before = {id(one): one for one in candles}
    assert [one.state for one in candles[:-2]] == [CandleState.CLOSED] * (len(candles) - 2)
