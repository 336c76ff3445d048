"""`minChangeBps`: small moves are left out, but never so long that the reader believes the market dead."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.queries.freshness import Freshness, age_at, classify
from gateway.state.position import StreamPosition
from gateway.subscriptions.change_filter import MinChangeFilter
from gateway.subscriptions.conflation import ConflationBuffer
from rates.source import Source
from rates.ticker import Ticker
from tests.gateway.fakes import NOON, FakeClock, build_ticker

TTL = timedelta(seconds=10)
ORDER = list(Freshness)

WRITTEN = StreamPosition("e", 1)


def subscriber(bps: float, clock: FakeClock, place: StreamPosition = WRITTEN) -> ConflationBuffer:
    ttl = dict.fromkeys(Source, TTL)
    return ConflationBuffer(
        MinChangeFilter(Decimal(str(bps)), ttl=ttl, place_of=lambda _: place, clock=clock)
    )


def put(buffer: ConflationBuffer, ticker: Ticker) -> None:
    buffer.put(ticker, ticker.key)


def at(second: float, price: str = "100") -> Ticker:
    return build_ticker(price=price, observed_at=NOON + timedelta(seconds=second))


def alarm_s(reader: ConflationBuffer) -> float | None:
    return None if reader.deadline is None else (reader.deadline - NOON).total_seconds()


@given(st.lists(st.tuples(st.integers(1, 300), st.booleans()), max_size=60), st.integers(1, 2_000))
def test_moves_below_the_threshold_are_left_out(steps: list[tuple[int, bool]], bps: int) -> None:
    """What is pending is always the newest value, and only if it moved enough from the one taken last."""
    reader = subscriber(bps, FakeClock())
    taken: Decimal | None = None
    for number, (price, read) in enumerate(steps):
        put(reader, build_ticker(price=str(price), sequence=number))
        moved = taken is None or abs(price - taken) * 10_000 >= bps * taken
        assert reader.has_pending == moved
        if read and (batch := reader.take()).tickers:
            assert [ticker.price for ticker in batch.tickers] == [Decimal(price)]
            taken = Decimal(price)


def test_a_move_that_is_taken_back_is_no_news() -> None:
    """A pending value that returned to the one taken last is pending no more."""
    reader = subscriber(100, FakeClock())
    reader.note_told([at(0)])
    put(reader, at(1, "110"))
    put(reader, at(2, "100"))
    assert not reader.has_pending


def test_a_newer_observation_is_told_before_the_one_held_turns_stale() -> None:
    """At three quarters of the time to live, not before; what is told then is held from then on."""
    clock = FakeClock()
    reader = subscriber(100, clock)
    reader.note_told([at(0)])
    clock.advance(4)
    put(reader, at(4, "100.1"))
    assert not reader.has_pending
    assert alarm_s(reader) == 7.500001
    clock.advance(3.5)
    reader.sound_alarm()
    assert not reader.has_pending
    clock.advance(0.000001)
    reader.sound_alarm()
    assert reader.take().tickers == (at(4, "100.1"),)
    assert reader.deadline is None


def test_a_newer_observation_that_comes_late_is_told_at_once() -> None:
    """The one held is about to turn stale, or has already."""
    clock = FakeClock()
    reader = subscriber(100, clock)
    reader.note_told([at(0)])
    clock.advance(12)
    put(reader, at(11))
    assert reader.has_pending


def test_what_is_as_old_as_the_one_held_makes_no_difference() -> None:
    """Two stale values look the same until one of them expires."""
    clock = FakeClock()
    reader = subscriber(100, clock)
    reader.note_told([at(0)])
    clock.advance(50)
    put(reader, at(30))
    assert not reader.has_pending
    assert alarm_s(reader) == 97.500001
    clock.advance(250)
    reader.sound_alarm()
    assert not reader.has_pending
    assert reader.deadline is None


@given(
    st.lists(st.tuples(st.floats(0.1, 40), st.integers(9_900, 10_100), st.floats(0, 30)), max_size=30),
    st.integers(1, 300),
)
def test_a_reader_never_judges_worse_than_what_is_known(steps: list[tuple[Any, ...]], bps: int) -> None:
    """As long as it answers every deadline: what it holds is as fresh as the newest, and nearer to it than the threshold."""
    clock = FakeClock()
    reader = subscriber(bps, clock)
    held: Ticker | None = None
    newest: Ticker | None = None

    def check() -> None:
        nonlocal held
        if tickers := reader.take().tickers:
            held = tickers[0]
        if newest is None:
            return
        assert held is not None
        assert abs(newest.price - held.price) * 10_000 < bps * held.price or newest == held
        assert _judged(held, clock.now) <= _judged(newest, clock.now)

    for wait_s, price, lag_s in steps:
        until = clock.now + timedelta(seconds=wait_s)
        while (deadline := reader.deadline) is not None and deadline <= until:
            clock.now = max(deadline, clock.now)
            reader.sound_alarm()
            check()
        clock.now = until
        check()
        seen = build_ticker(price=str(price), observed_at=clock.now - timedelta(seconds=lag_s))
        if newest is None or seen.is_newer_than(newest):
            newest = seen
            put(reader, seen)
            check()


def _judged(ticker: Ticker, now: datetime) -> int:
    return ORDER.index(classify(age_at(now, ticker.observed_at), TTL))


def test_the_cursor_stays_before_what_is_withheld() -> None:
    """Until it is told or replaced by something that is."""
    clock = FakeClock()
    places = iter([StreamPosition("e", 5), StreamPosition("e", 7)])
    threshold = MinChangeFilter(
        Decimal(100), ttl=dict.fromkeys(Source, TTL), place_of=lambda _: next(places), clock=clock
    )
    reader = ConflationBuffer(threshold)
    now = {Source.BINANCE: StreamPosition("e", 9), Source.COINGECKO: StreamPosition("f", 3)}
    reader.note_told([at(0), build_ticker("ETH/USDT")])
    assert threshold.told_up_to(now) == now
    put(reader, at(1))
    put(reader, build_ticker("ETH/USDT", sequence=1))
    assert threshold.told_up_to(now) == {**now, Source.BINANCE: StreamPosition("e", 5)}
    put(reader, at(2, "200"))
    reader.take()
    assert threshold.told_up_to(now) == {**now, Source.BINANCE: StreamPosition("e", 7)}
    reader.retract(build_ticker("ETH/USDT").key)
    assert threshold.told_up_to(now) == now
