"""Trades that are read together make the tickers and the trades that they make one by one."""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from history.trade import Trade
from pipeline.feeds.protocol import FeedEvent, SymbolTrades
from pipeline.sources.binance.protocol import BinanceProtocol
from pipeline.validation import find_rejection
from pipeline.write_buffer import WriteBuffer
from rates.clock import format_us
from rates.errors import SourceProtocolError
from rates.symbol import Symbol
from rates.ticker import Ticker
from tests.pipeline.fakes import START, FakeSink, instrument

SECOND = timedelta(seconds=1)
PAIRS = [instrument("BTC/USDT"), instrument("ETH/USDT")]
START_MS = format_us(START) // 1000
# Unusual ones: refused as tickers, or not readable at all.
PRICES = st.sampled_from(["61837.63000000", "61838.1", "0.5", "0", "1e16", "NaN", "-1", "x"])
# How far the number and the time of a trade are from those before it, in ms.
STEPS = st.sampled_from([1, 1, 1, 1, 1, 0, 3, -2, -50])
WAITS = st.sampled_from([0, 1, 5, 40, -5, -3000, 900, 20_000])
TRADES = st.tuples(st.just("trade"), st.integers(0, 1), STEPS, WAITS, PRICES)
DAYS = st.tuples(st.just("day"), st.integers(0, 1), STEPS, WAITS, PRICES)
TAKES = st.tuples(st.just("take"), st.just(0), st.just(0), st.just(0), st.just(""))
Step = tuple[str, int, int, int, str]


def frames(steps: Iterable[Step]) -> Iterable[bytes | None]:
    """Return the frames of steps; `None` where what was collected is taken."""
    number, at = 1000, START_MS
    for kind, which, step, wait, price in steps:
        if kind == "take":
            yield None
            continue
        number, at = number + step, at + min(wait, 1000)
        name = PAIRS[which].source_symbol
        event = {"s": name, "E": at + max(0, wait - 1000)}
        if kind == "trade":
            event |= {"e": "trade", "t": number, "p": price, "q": "0.02", "T": event["E"], "m": True}
        else:
            event |= {"e": "24hrTicker", "L": number, "c": "61000", "P": "1", "b": "1", "a": "2", "h": "3"}
            event |= {"l": "1", "v": str(number)}
        stream = f"{name.lower()}@{'trade' if kind == 'trade' else 'ticker'}"
        yield json.dumps({"stream": stream, "data": event}).encode()


class Reader:
    """A connection, and what a feed makes of its events."""

    def __init__(self, *, collects: bool) -> None:
        self.protocol = BinanceProtocol(simulated=False)
        self.protocol.deliver_trades()
        self.protocol.track(PAIRS)
        self.sink = FakeSink()
        self.trades: dict[Symbol, list[Trade]] = {one.symbol: [] for one in PAIRS}
        self.unreadable = self.collected = 0
        self._collects = collects
        self._buffer = WriteBuffer(self.sink, interval=SECOND)

    def read(self, frame: bytes) -> None:
        if self._collects and self.protocol.collect(frame, START):
            self.collected += 1
            return
        events: Sequence[FeedEvent] = ()
        try:
            events = self.protocol.receive(frame, START)
        except (SourceProtocolError, ArithmeticError):
            self.unreadable += 1
        self._take(events)

    async def flush(self) -> list[Ticker]:
        """Return the tickers of one write."""
        self._take(self.protocol.take_collected())
        del self.sink.batches[:]
        await self._buffer.flush()
        return sorted(self.sink.batches[-1] if self.sink.batches else [], key=lambda one: one.symbol)

    def _take(self, events: Sequence[FeedEvent]) -> None:
        for event in events:
            if isinstance(event, SymbolTrades):
                self.trades[event.symbol] += event.trades
            elif isinstance(event, Ticker) and _is_valid(event):
                self._buffer.put([event])


def _is_valid(ticker: Ticker) -> bool:
    return find_rejection(ticker, now=START, max_skew=10 * SECOND) is None


def without_counts(tickers: Iterable[Ticker]) -> list[Ticker]:
    return [msgspec.structs.replace(one, merged=0) for one in tickers]


@pytest.mark.slow
@given(st.lists(TRADES | DAYS | TAKES, max_size=40))
async def test_collected_trades_make_the_same_as_each_by_itself(steps: list[Step]) -> None:
    """The same tickers are written, the same trades folded, the same frames refused."""
    collecting, plain = Reader(collects=True), Reader(collects=False)
    is_ordinary = all(price in {"61837.63000000", "61838.1", "0.5", ""} for *_, price in steps)
    for frame in (*frames(steps), None):
        if frame is not None:
            collecting.read(frame)
            plain.read(frame)
            continue
        made, expected = await collecting.flush(), await plain.flush()
        assert without_counts(made) == without_counts(expected)
        # A refused price in between counts as replaced where it was not looked at.
        if is_ordinary:
            assert made == expected
    assert collecting.trades == plain.trades
    assert collecting.unreadable == plain.unreadable


async def test_one_ticker_is_made_of_all_trades_of_a_symbol() -> None:
    """It says how many others it stands for."""
    reader = Reader(collects=True)
    for frame in frames([("trade", 0, 1, 5, "61838.1")] * 9):
        assert frame is not None
        reader.read(frame)
    # The first one of a connection is looked at more closely.
    assert reader.collected == 8
    (made,) = await reader.flush()
    assert made.merged == 8
    assert made.price == Decimal("61838.1")
    assert [one.id for one in reader.trades[PAIRS[0].symbol]] == list(range(1001, 1010))


async def test_a_price_that_is_refused_hides_none_before_it() -> None:
    """Each is judged by itself."""
    reader = Reader(collects=True)
    for frame in frames([*[("trade", 0, 1, 5, "61838.1")] * 3, ("trade", 0, 1, 5, "1e16")]):
        assert frame is not None
        reader.read(frame)
    assert reader.collected == 3
    assert [one.price for one in await reader.flush()] == [Decimal("61838.1")]


async def test_an_unreadable_frame_loses_no_collected_trade() -> None:
    """It is refused before what waits is taken."""
    reader = Reader(collects=True)
    good = [frame for frame in frames([("trade", 0, 1, 5, "61838.1")] * 3) if frame]
    bad = good[-1].replace(b'"61838.1"', b'"NaN"')
    with suppress(SourceProtocolError):
        for frame in (*good, bad):
            reader.read(frame)
    await reader.flush()
    assert len(reader.trades[PAIRS[0].symbol]) == 3
