"""The filter of `minChangeBps` suppresses small changes, but no sign of life."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.queries.freshness import Freshness, classify
from gateway.state.position import StreamPosition
from gateway.subscriptions.change_filter import MinChangeFilter, has_moved
from gateway.subscriptions.conflation import ConflationBuffer
from rates.age import age_at
from rates.source import Source
from rates.ticker import Ticker
from tests.gateway.fakes import NOON, FakeClock, build_ticker

TTL = timedelta(seconds=10)
ORDER = list(Freshness)

WRITTEN = StreamPosition("e", 1)


class FilteredBuffer(ConflationBuffer):
    """A buffer that has a filter."""

    def __init__(self, bps: float, clock: FakeClock) -> None:
        ttl = dict.fromkeys(Source, TTL)
        self.filter = MinChangeFilter(Decimal(str(bps)), ttl=ttl, position_of=lambda _: WRITTEN, clock=clock)
        super().__init__(self.filter)


def put(buffer: ConflationBuffer, ticker: Ticker) -> None:
    buffer.put(ticker, ticker.key)


def at(second: float, price: str = "100") -> Ticker:
    return build_ticker(price=price, observed_at=NOON + timedelta(seconds=second))


def deadline_s(buffer: FilteredBuffer) -> float | None:
    """Seconds after noon."""
    deadline = buffer.filter.deadline
    return None if deadline is None else (deadline - NOON).total_seconds()


@given(st.lists(st.tuples(st.integers(1, 300), st.booleans()), max_size=60), st.integers(1, 2_000))
def test_changes_below_the_minimum_are_suppressed(steps: list[tuple[int, bool]], bps: int) -> None:
    """A pending value is always the newest, and has changed enough since the one taken last."""
    buffer = FilteredBuffer(bps, FakeClock())
    taken: Decimal | None = None
    for number, (price, read) in enumerate(steps):
        put(buffer, build_ticker(price=str(price), sequence=number))
        moved = taken is None or abs(price - taken) * 10_000 >= bps * taken
        assert buffer.has_pending == moved
        if read and (batch := buffer.take()).tickers:
            assert [ticker.price for ticker in batch.tickers] == [Decimal(price)]
            taken = Decimal(price)


def test_a_change_of_exactly_the_minimum_is_sent() -> None:
    """Half a percent is fifty basis points, up or down."""
    for sent, suppressed in (("100.5", "100.4999"), ("99.5", "99.5001")):
        assert has_moved(Decimal(100), Decimal(sent), Decimal(50))
        assert not has_moved(Decimal(100), Decimal(suppressed), Decimal(50))


def test_a_change_that_is_reverted_is_not_sent() -> None:
    """A pending value that returns to the one taken last is no longer pending."""
    buffer = FilteredBuffer(100, FakeClock())
    buffer.filter.mark_sent([at(0)])
    put(buffer, at(1, "110"))
    put(buffer, at(2, "100"))
    assert not buffer.has_pending


def test_a_suppressed_ticker_is_released_before_the_one_sent_turns_stale() -> None:
    """At three quarters of the time to live, not before."""
    clock = FakeClock()
    buffer = FilteredBuffer(100, clock)
    buffer.filter.mark_sent([at(0)])
    clock.advance(4)
    put(buffer, at(4, "100.1"))
    assert not buffer.has_pending
    assert deadline_s(buffer) == 7.500001
    clock.advance(3.5)
    buffer.release_due()
    assert not buffer.has_pending
    clock.advance(0.000001)
    buffer.release_due()
    assert buffer.take().tickers == (at(4, "100.1"),)
    assert buffer.filter.deadline is None


def test_a_ticker_is_sent_at_once_if_the_one_sent_last_is_about_to_turn_stale() -> None:
    """Or if it is stale already."""
    clock = FakeClock()
    buffer = FilteredBuffer(100, clock)
    buffer.filter.mark_sent([at(0)])
    clock.advance(12)
    put(buffer, at(11))
    assert buffer.has_pending


def test_a_ticker_that_would_look_as_stale_is_suppressed() -> None:
    """Two stale tickers look the same until one of them expires."""
    clock = FakeClock()
    buffer = FilteredBuffer(100, clock)
    buffer.filter.mark_sent([at(0)])
    clock.advance(50)
    put(buffer, at(30))
    assert not buffer.has_pending
    assert deadline_s(buffer) == 97.500001
    clock.advance(250)
    buffer.release_due()
    assert not buffer.has_pending
    assert buffer.filter.deadline is None


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.floats(0.1, 40), st.integers(9_900, 10_100), st.floats(0, 30)), max_size=30),
    st.integers(1, 300),
)
def test_a_reader_never_judges_worse_than_what_is_known(
    steps: list[tuple[float, int, float]], bps: int
) -> None:
    """If every deadline is kept; and it differs by less than the minimum change."""
    clock = FakeClock()
    buffer = FilteredBuffer(bps, clock)
    last_sent: Ticker | None = None
    newest: Ticker | None = None

    def check() -> None:
        nonlocal last_sent
        if tickers := buffer.take().tickers:
            last_sent = tickers[0]
        if newest is None:
            return
        assert last_sent is not None
        assert abs(newest.price - last_sent.price) * 10_000 < bps * last_sent.price or newest == last_sent
        assert _rank(last_sent, clock.now) <= _rank(newest, clock.now)

    for wait_s, price, lag_s in steps:
        until = clock.now + timedelta(seconds=wait_s)
        while (deadline := buffer.filter.deadline) is not None and deadline <= until:
            clock.now = max(deadline, clock.now)
            buffer.release_due()
            check()
        clock.now = until
        check()
        seen = build_ticker(price=str(price), observed_at=clock.now - timedelta(seconds=lag_s))
        if newest is None or seen.is_newer_than(newest):
            newest = seen
            put(buffer, seen)
            check()


def _rank(ticker: Ticker, now: datetime) -> int:
    return ORDER.index(classify(age_at(now, ticker.observed_at), TTL))


def test_the_cursor_stays_before_the_first_suppressed_ticker() -> None:
    """Until it is sent, or replaced by one that is."""
    clock = FakeClock()
    positions = iter([StreamPosition("e", 5), StreamPosition("e", 7)])
    min_change_filter = MinChangeFilter(
        Decimal(100), ttl=dict.fromkeys(Source, TTL), position_of=lambda _: next(positions), clock=clock
    )
    buffer = ConflationBuffer(min_change_filter)
    now = {Source.BINANCE: StreamPosition("e", 9), Source.COINGECKO: StreamPosition("f", 3)}
    min_change_filter.mark_sent([at(0), build_ticker("ETH/USDT")])
    assert min_change_filter.sent_positions(now) == now
    put(buffer, at(1))
    put(buffer, build_ticker("ETH/USDT", sequence=1))
    assert min_change_filter.sent_positions(now) == {**now, Source.BINANCE: StreamPosition("e", 5)}
    put(buffer, at(2, "200"))
    buffer.take()
    assert min_change_filter.sent_positions(now) == {**now, Source.BINANCE: StreamPosition("e", 7)}
    buffer.retract(build_ticker("ETH/USDT").key)
    assert min_change_filter.sent_positions(now) == now
