"""Merging of one connection's events, also of recorded ones."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.feeds.protocol import SymbolActivity
from pipeline.sources.binance.messages import (
    BinanceBookTicker,
    BinanceDayTicker,
    BinanceTrade,
    parse_stream_frame,
)
from pipeline.sources.binance.ticker_merger import TickerMerger
from rates.clock import parse_ms
from rates.ticker import Ticker
from tests.pipeline.fakes import BTC, ETH, START
from tests.pipeline.recordings import read_frames

T0 = 1_723_161_255_000


def trade(at: int, number: int, price: str = "100") -> BinanceTrade:
    return BinanceTrade(symbol="BTCUSDT", event_time=T0 + at, trade_id=number, price=Decimal(price))


def book(bid: str, ask: str) -> BinanceBookTicker:
    return BinanceBookTicker(symbol="BTCUSDT", update_id=1, bid=Decimal(bid), ask=Decimal(ask))


def day(at: int, last_trade: int, price: str = "100") -> BinanceDayTicker:
    return BinanceDayTicker(
        symbol="BTCUSDT",
        event_time=T0 + at,
        last_trade_id=last_trade,
        price=Decimal(price),
        change_percent=Decimal("1.5"),
        bid=Decimal(98),
        ask=Decimal(102),
        high=Decimal(110),
        low=Decimal(90),
        volume=Decimal(1000),
    )


@pytest.fixture
def state() -> TickerMerger:
    state = TickerMerger(simulated=False)
    state.track({"BTCUSDT": BTC})
    return state


def merged(state: TickerMerger, event: BinanceTrade | BinanceDayTicker) -> Ticker:
    made = state.merge(event, START)
    assert isinstance(made, Ticker)
    return made


def test_a_trade_is_emitted_with_the_last_best_prices_and_statistics(state: TickerMerger) -> None:
    """Each field has the newest value of this connection."""
    state.merge(day(0, 1), START)
    assert state.merge(book("99.5", "100.5"), START) == SymbolActivity(BTC)
    made = merged(state, trade(10, 2, "100.1"))
    assert (made.price, made.observed_at, made.sequence) == (Decimal("100.1"), parse_ms(T0 + 10), 2)
    assert (made.bid, made.ask, made.high_24h) == (Decimal("99.5"), Decimal("100.5"), Decimal(110))
    assert made.received_at == START


def test_fields_without_a_value_stay_empty(state: TickerMerger) -> None:
    """Without best prices and statistics."""
    made = merged(state, trade(0, 1))
    assert (made.bid, made.ask, made.high_24h, made.volume_24h) == (None, None, None, None)


def test_best_prices_come_from_the_statistics_until_the_book_has_some(state: TickerMerger) -> None:
    """`ticker` has bid and ask, too, but only once a second."""
    assert merged(state, day(0, 1)).bid == Decimal(98)
    state.merge(book("99", "101"), START)
    assert merged(state, day(1000, 1)).bid == Decimal(99)


def test_an_empty_side_of_the_book_is_no_price(state: TickerMerger) -> None:
    """Zero means no order."""
    state.merge(book("0.00000000", "101"), START)
    made = merged(state, trade(0, 1))
    assert (made.bid, made.ask) == (None, Decimal(101))


def test_older_and_repeated_events_are_only_activity(state: TickerMerger) -> None:
    """Event times go backwards between channels; within a millisecond the trade id decides."""
    assert isinstance(state.merge(trade(10, 5), START), Ticker)
    assert state.merge(trade(10, 5), START) == SymbolActivity(BTC)
    assert state.merge(trade(9, 6), START) == SymbolActivity(BTC)
    assert isinstance(state.merge(trade(10, 6), START), Ticker)


def test_a_corrected_clock_does_not_silence_the_market(state: TickerMerger) -> None:
    """After half a minute in the future, which ingest rejects, each new trade counts at once."""
    merged(state, trade(30_000, 5))
    assert merged(state, trade(100, 6)).sequence == 6
    assert merged(state, day(200, 6)).sequence == 6
    assert state.merge(trade(30_000, 5), START) == SymbolActivity(BTC)


def test_overtaken_statistics_do_not_replace_the_price(state: TickerMerger) -> None:
    """A later event time with an earlier trade is outdated, but its statistics count."""
    assert isinstance(state.merge(trade(10, 7, "101"), START), Ticker)
    assert state.merge(day(20, 6, "100"), START) == SymbolActivity(BTC)
    assert merged(state, trade(30, 8)).volume_24h == Decimal(1000)


def test_a_trade_after_a_clock_far_ahead_is_emitted(state: TickerMerger) -> None:
    """The wrong time is passed on, to be rejected and counted; the next true time is new."""
    now = int(START.timestamp() * 1000) - T0
    ahead = merged(state, trade(now + 60_000, 5, "101"))
    assert ahead.observed_at > ahead.received_at
    assert merged(state, trade(now + 20, 6, "102")).price == Decimal(102)
    assert state.merge(trade(now + 19, 7, "103"), START) == SymbolActivity(BTC)


def test_untracked_symbols_are_ignored_and_forgotten(state: TickerMerger) -> None:
    """A removed instrument has no events, and starts anew when it is tracked again."""
    state.merge(book("99", "101"), START)
    state.track({"ETHUSDT": ETH})
    assert state.merge(trade(0, 1), START) is None
    state.track({"BTCUSDT": BTC})
    assert merged(state, trade(1, 2)).bid is None


@given(
    st.lists(
        st.one_of(
            st.builds(trade, st.integers(0, 50), st.integers(0, 20)),
            st.builds(day, st.integers(0, 50), st.integers(0, 20)),
            st.builds(book, st.just("99"), st.just("101")),
        ),
        max_size=60,
    )
)
def test_each_emitted_ticker_is_newer_than_the_one_before(
    events: list[BinanceTrade | BinanceDayTicker | BinanceBookTicker],
) -> None:
    """In whatever order events arrive."""
    state = TickerMerger(simulated=False)
    state.track({"BTCUSDT": BTC})
    emitted = [made for event in events if isinstance(made := state.merge(event, START), Ticker)]
    for earlier, later in pairwise(emitted):
        assert later.is_newer_than(earlier)


@pytest.mark.slow
def test_every_recorded_trade_is_emitted() -> None:
    """All of 2024-08-08, digit for digit, with the best prices recorded just before."""
    state = TickerMerger(simulated=False)
    state.track({"BTCUSDT": BTC})
    best: BinanceBookTicker | None = None
    trades = 0
    for frame in read_frames("binance_spot_ws_btcusdt_20240808.txt.gz"):
        event = parse_stream_frame(frame)
        if isinstance(event, BinanceBookTicker):
            best = event
        if not isinstance(event, BinanceBookTicker | BinanceTrade | BinanceDayTicker):
            continue
        made = state.merge(event, START)
        if isinstance(event, BinanceTrade):
            trades += 1
            assert isinstance(made, Ticker)
            assert f"{made.price:f}".encode() in frame
            assert (made.observed_at, made.sequence) == (parse_ms(event.event_time), event.trade_id)
            assert (made.bid, made.ask) == ((best.bid, best.ask) if best else (None, None))
    assert trades == 9757


EVENTS = st.tuples(st.sampled_from(("trade", "book", "day")), st.integers(0, 4), st.integers(-500, 12_000))


@pytest.mark.slow
@given(st.lists(EVENTS, max_size=40))
def test_tickers_with_kept_quotes_and_statistics_are_those_made_anew(
    events: list[tuple[str, int, int]],
) -> None:
    """Also after channels have aged, and if the clock goes back."""
    keeping, anew = TickerMerger(simulated=True), TickerMerger(simulated=True)
    keeping.track({"BTCUSDT": BTC})
    at_ms = T0
    for number, (kind, value, passed_ms) in enumerate(events):
        at_ms += passed_ms
        # Makes it forget what it has kept of quotes and statistics.
        anew.track({"BTCUSDT": BTC})
        event: BinanceTrade | BinanceBookTicker | BinanceDayTicker
        match kind:
            case "trade":
                event = trade(at_ms - T0, number, str(100 + value))
            case "book":
                event = book(str(value), str(100 + value))
            case _:
                event = day(at_ms - T0, number, str(100 + value))
        received_at = parse_ms(at_ms)
        assert keeping.merge(event, received_at) == anew.merge(event, received_at)
