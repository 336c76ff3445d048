"""The fold of a source's trades says exactly which times it knows."""

from datetime import timedelta
from decimal import Decimal
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from history.batch import BarBatch, InstrumentEnd, InstrumentStart, TradePosition
from history.coverage import OPEN, CoveredSpan, GapReason, join_spans
from history.instrument_coverage import CoverageEnd, CoverageStart
from history.trade import Trade
from history.trade_fold import TradeFold
from rates.source import Source
from rates.symbol import Symbol
from tests.history.trades import at, numbered_trades, trade

BTC, ETH = Symbol("BTC", "USDT"), Symbol("ETH", "USDT")
TICK = timedelta(microseconds=1)


class Process:
    """A folding process that hears its connection every quarter of a second."""

    def __init__(self, *positions: TradePosition, symbols: tuple[Symbol, ...] = (BTC,)) -> None:
        self.refused: list[str] = []
        self.trades = TradeFold(
            Source.BINANCE,
            "session",
            max_skew=timedelta(seconds=10),
            on_refused=lambda _symbol, _trade, why: self.refused.append(why),
        )
        self.trades.resume(positions)
        self.symbols = symbols
        self.batches: list[BarBatch] = []

    def confirm(self, start: float, end: float, *symbols: Symbol) -> None:
        """Hear the connection from `start` to `end`."""
        for quarter in range(int(start * 4), int(end * 4) + 1):
            self.trades.confirm(symbols or self.symbols, at(quarter / 4))
            self.take(quarter / 4)

    def fold(self, *trades: Trade, symbol: Symbol = BTC, received: float | None = None) -> None:
        """Receive trades at their times, or at `received`."""
        for one in trades:
            self.trades.fold(symbol, [one], one.time if received is None else at(received))

    def take(self, seconds: float) -> None:
        """Take the batch of a moment."""
        batch = self.trades.take(at(seconds))
        if batch is not None:
            self.batches.append(batch)

    def spans(self, symbol: Symbol = BTC) -> list[CoveredSpan]:
        """Return the covered spans, as a reader of the batches knows them."""
        return read_spans(self.batches, symbol)


def read_spans(batches: list[BarBatch], symbol: Symbol) -> list[CoveredSpan]:
    """Return the spans of one instrument from the batches of a source."""
    spans: list[CoveredSpan] = []
    for batch in batches:
        for event in batch.spans:
            if event.symbol != symbol:
                continue
            if isinstance(event, InstrumentStart):
                spans = [*spans, CoveredSpan(event.start.at, OPEN)]
            else:
                spans = [
                    CoveredSpan(one.start, min(one.end, event.end.at), event.end.reason)
                    for one in join_spans(spans)
                ]
    return join_spans(spans)


def test_coverage_begins_a_second_after_the_subscription_was_confirmed() -> None:
    """A trade that was made before the subscription may arrive after it."""
    process = Process()
    process.confirm(0, 5)
    assert process.spans()[0].start == at(1)


def test_coverage_begins_after_the_first_trade_if_that_is_earlier() -> None:
    """Every later one follows on the same channel.

    Others of the same microsecond may be missing.
    """
    process = Process()
    process.confirm(0, 0)
    process.fold(trade(7, 0.3))
    process.confirm(0.25, 5)
    assert process.spans()[0].start == at(0.3) + TICK


def test_a_trade_with_a_number_proves_the_time_before_it() -> None:
    """None is missing, whatever the clock says; without numbers only the connection proves it."""
    numbered, named = Process(), Process()
    names: tuple[int | str, int | str]
    for process, names in ((numbered, (1, 2)), (named, ("a", "b"))):
        process.fold(trade(names[0], 1))
        process.confirm(1, 5)
        process.fold(trade(names[1], 4.9))
        process.trades.lose([BTC], GapReason.DISCONNECTED)
        process.take(5)
    assert (numbered.spans()[0].end, named.spans()[0].end) == (at(4.9), at(4))


def test_a_silent_connection_covers_nothing() -> None:
    """Time passes, and nobody knows what the socket would have said."""
    process = Process()
    process.confirm(0, 5)
    process.take(60)
    assert process.batches[-1].through == at(4)


def test_a_lost_connection_leaves_a_gap_from_its_last_second_on() -> None:
    """Trades that the source sent in the last second may have been under way."""
    process = Process()
    process.confirm(0, 10)
    process.trades.lose([BTC], GapReason.DISCONNECTED)
    process.confirm(20, 30)
    first, second = process.spans()
    assert (first.start, first.end, first.reason) == (at(1), at(9), GapReason.DISCONNECTED)
    assert second.start == at(21)


def test_following_numbers_close_the_gap_of_a_lost_connection() -> None:
    """Trade 8 comes after trade 7 and a minute without a connection: there was none in between."""
    process = Process()
    process.fold(trade(7, 5))
    process.confirm(5, 10)
    process.trades.lose([BTC], GapReason.DISCONNECTED)
    process.confirm(70, 80)
    assert len(process.spans()) == 2
    process.fold(trade(8, 81))
    process.confirm(81, 82)
    assert [span.start for span in process.spans()] == [at(5) + TICK]


def test_missing_numbers_leave_the_gap_of_a_lost_connection() -> None:
    """Trade 9 shows that trade 8 was made meanwhile."""
    process = Process()
    process.fold(trade(7, 5))
    process.confirm(5, 10)
    process.trades.lose([BTC], GapReason.DISCONNECTED)
    process.confirm(70, 80)
    process.fold(trade(9, 81))
    process.confirm(81, 82)
    assert [(span.start, span.end) for span in process.spans()][:1] == [(at(5) + TICK, at(9))]
    assert process.spans()[1].start == at(71)


def test_a_number_that_is_missing_on_a_live_connection_is_a_gap() -> None:
    """The source or the network lost a trade between the two around it."""
    process = Process()
    process.fold(trade(6, 4), trade(7, 5))
    process.confirm(5, 10)
    process.fold(trade(9, 11))
    process.confirm(11, 15)
    first, second = process.spans()
    assert (first.end, first.reason, second.start) == (at(5), GapReason.DISCONNECTED, at(11) + TICK)


def test_a_missing_trade_that_comes_from_another_connection_is_no_gap() -> None:
    """Redundant connections are milliseconds apart."""
    process = Process()
    process.fold(trade(7, 5))
    process.confirm(5, 10)
    process.fold(trade(9, 11))
    process.confirm(11, 11)
    process.fold(trade(8, 10.5), received=11.1)
    process.confirm(11.25, 20)
    assert len(process.spans()) == 1
    assert [
        (one.second.open_time, one.second.revision) for batch in process.batches for one in batch.closed
    ] == [
        (at(5), 0),
        (at(10), 0),
        (at(11), 0),
    ]


def test_a_connection_that_says_nothing_ends_its_spans_as_stalled() -> None:
    """The other one goes on; nothing waits for the silent one any longer."""
    process = Process(symbols=(BTC, ETH))
    process.confirm(0, 5)
    process.confirm(5, 60, ETH)
    (ended,) = process.spans()
    assert (ended.end, ended.reason) == (at(4), GapReason.STALLED)
    through = process.batches[-1].through
    assert through is not None
    assert through >= at(58)


def test_a_trade_that_cannot_be_true_is_refused_and_leaves_a_gap() -> None:
    """A price of zero is no price; the trade is missing from the bar."""
    process = Process()
    process.fold(trade(1, 1))
    process.confirm(0, 5)
    process.fold(trade(2, 5, "0"))
    process.confirm(6, 10)
    assert process.refused == ["a price that is not between 0 and 10^15"]
    assert [span.reason for span in process.spans()] == [GapReason.REFUSED, None]
    assert process.spans()[0].end == at(4)


def test_an_instrument_that_is_no_longer_tracked_ends_its_span() -> None:
    """It says why."""
    process = Process()
    process.confirm(0, 10)
    process.trades.retain([])
    process.take(11)
    assert process.spans()[0].reason is GapReason.NOT_TRACKED


def test_a_process_goes_on_after_another_one_by_the_numbers() -> None:
    """Its trades are not taken twice, and the seam is whole."""
    process = Process(TradePosition(BTC, 7, at(5), whole_from=at(2)))
    process.confirm(8, 8)
    process.fold(trade(6, 4), trade(7, 5), trade(8, 9))
    process.confirm(9.25, 15)
    assert process.spans()[0].start == at(2)
    assert [one.second.bar.first_id for batch in process.batches for one in batch.closed] == [8]


def test_a_hole_that_nobody_fills_ends_the_span_even_at_its_start() -> None:
    """The first trade of the span is the last one before the hole."""
    process = Process()
    process.fold(trade(7, 5))
    process.confirm(5, 10)
    process.fold(trade(9, 11))
    process.confirm(11, 15)
    assert [span.start for span in process.spans()] == [at(11) + TICK]


def test_a_process_that_starts_too_late_leaves_a_gap() -> None:
    """Trade 8 is missing, and nobody knows when it was."""
    process = Process(TradePosition(BTC, 7, at(5), whole_from=at(2)))
    process.confirm(8, 8)
    process.fold(trade(9, 8.5))
    process.confirm(8.75, 15)
    assert process.spans()[0].start == at(8.5) + TICK


def test_ids_without_numbers_never_prove_a_seam() -> None:
    """They could be any trades."""
    process = Process(TradePosition(BTC, "a", at(5), whole_from=at(2)))
    process.confirm(8, 8)
    process.fold(trade("b", 8.5))
    process.confirm(8.75, 15)
    assert process.spans()[0].start == at(8.5) + TICK


def test_a_list_of_all_open_spans_comes_regularly() -> None:
    """A reader who missed batches learns them from it."""
    process = Process(symbols=(BTC, ETH))
    process.confirm(0, 220)
    lists = [batch.open_spans for batch in process.batches if batch.open_spans is not None]
    assert len(lists) == 3
    assert lists[-1] == (
        InstrumentStart(BTC, CoverageStart(at(1))),
        InstrumentStart(ETH, CoverageStart(at(1))),
    )


def test_a_quiet_source_makes_no_batches_without_a_connection() -> None:
    """There is nothing to tell."""
    process = Process()
    process.take(1)
    process.trades.lose([BTC], GapReason.DISCONNECTED)
    process.take(2)
    assert process.batches == []


def test_ends_are_told_once() -> None:
    """Losing a connection that is lost already changes nothing."""
    process = Process()
    process.confirm(0, 5)
    for _ in range(2):
        process.trades.lose([BTC], GapReason.DISCONNECTED)
    process.take(6)
    ends = [event for batch in process.batches for event in batch.spans if isinstance(event, InstrumentEnd)]
    assert ends == [InstrumentEnd(BTC, CoverageEnd(at(4), GapReason.DISCONNECTED))]


UNUSUAL = st.sampled_from(
    [None] * 8 + ["repeated", "skipped", "late", "restarted", "count", "price", "text", "future"]
)


@pytest.mark.slow
@given(
    numbered_trades(), st.lists(UNUSUAL, min_size=40, max_size=40), st.lists(st.integers(1, 8), min_size=40)
)
def test_trades_that_are_folded_together_make_the_same_as_each_by_itself(
    trades: list[Trade], unusual: list[str | None], sizes: list[int]
) -> None:
    """Bars, spans, refused trades and the tape, whatever stands between ordinary trades."""
    given_trades = list(map(make_unusual, trades, unusual))
    together, alone = Process(), Process()
    together.confirm(-3, 0)
    alone.confirm(-3, 0)
    place = 0
    for size in sizes:
        part = given_trades[place : place + size]
        place += size
        if not part:
            break
        now = max(one.time for one in trades[place - size : place])
        together.trades.fold(BTC, part, now)
        for one in part:
            alone.trades.fold(BTC, [one], now)
        assert together.trades.take_trades() == alone.trades.take_trades()
        for process in (together, alone):
            process.trades.confirm([BTC], now)
            if (batch := process.trades.take(now)) is not None:
                process.batches.append(batch)
    assert together.batches == alone.batches
    assert together.refused == alone.refused


def make_unusual(one: Trade, how: str | None) -> Trade:
    """Return a trade as sources send them now and then."""
    number = cast(int, one.id)
    changes: dict[str | None, dict[str, object]] = {
        "repeated": {"id": max(1, number - 1)},
        "late": {"id": max(1, number - 3)},
        "skipped": {"id": number + 5},
        "restarted": {"id": 1, "time": one.time + timedelta(seconds=2)},
        "count": {"count": 2},
        "price": {"price": Decimal("1e20")},
        "text": {"id": str(number)},
        "future": {"time": one.time + timedelta(seconds=20)},
    }
    return msgspec.structs.replace(one, **changes.get(how, {}))
