"""Real recordings, through the protocol of their source.

Our minutes are those of the recorded trades, digit for digit.
"""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random

import msgspec
import pytest

from history.batch import BarBatch
from history.candle import Candle
from history.candle_fold import KnownBar, fold_candles
from history.coverage import CandleCoverage, GapReason
from history.interval import Interval, TimeSpan, spans_between
from history.trade_fold import TradeFold
from instruments.instrument import Instrument
from pipeline.feeds.protocol import SymbolTrades
from pipeline.sources.binance.protocol import BinanceProtocol
from rates.clock import EPOCH, parse_ms
from rates.source import Source
from rates.symbol import Symbol
from tests.history.recorded_trades import fold_minutes, read_trades
from tests.history.test_trade_fold import read_spans
from tests.pipeline.recordings import SOURCE_MODULE

MINUTE = timedelta(minutes=1)
QUARTER = timedelta(milliseconds=250)
# The recorder's clock was 1.27 s behind that of Binance; a process corrects its own.
CLOCK_BEHIND = timedelta(seconds=1.27)
# Shares of all trades, by seed.
LOST_FRAMES = (0.0, 0.001, 0.0002, 0.0005)
LOST_CONNECTIONS = (0.0005, 0.0, 0.0003, 0.0005)
RECORDINGS = sorted(SOURCE_MODULE.glob("binance_spot_ws_*usdt_*.txt.gz"))


def read_arrivals(path: Path) -> Iterator[tuple[datetime, bytes]]:
    """Read the frames of a recording with their arrival."""
    with gzip.open(path) as lines:
        for line in lines:
            received, _, frame = line.rstrip().partition(b" ")
            if b'"stream"' in frame:
                yield EPOCH + timedelta(microseconds=int(received) // 1000) + CLOCK_BEHIND, frame


def read_trade_arrivals(path: Path) -> Iterator[tuple[datetime, bytes]]:
    """Read the trades of a recording with their arrival."""
    return ((received_at, frame) for received_at, frame in read_arrivals(path) if b"@trade" in frame)


class Recorder:
    """A folding process that receives a recording."""

    def __init__(self, source_symbol: str) -> None:
        self.symbol = Symbol(source_symbol.removesuffix("USDT"), "USDT")
        self.fold = TradeFold(Source.BINANCE, "session", max_skew=timedelta(seconds=10))
        self.protocol = BinanceProtocol(simulated=False)
        self.protocol.deliver_trades()
        self.protocol.track([Instrument(Source.BINANCE, self.symbol, source_symbol, self.symbol.base)])
        self.batches: list[BarBatch] = []
        self.check_at = datetime.min.replace(tzinfo=UTC)
        self.is_subscribed = False

    def subscribe(self) -> None:
        """Subscribe as a connection does, and confirm it as Binance does."""
        for second in range(10):
            if self.protocol.next_message(float(second)) is None:
                break
            self.protocol.receive(b'{"result":null,"id":%d}' % (second + 1), self.check_at)
        assert self.protocol.traded_symbols() == {self.symbol}
        self.is_subscribed = True

    def receive(self, received_at: datetime, frame: bytes) -> None:
        """Receive one frame, and check four times a second, as a supervisor does."""
        if received_at >= self.check_at:
            self.check_at = received_at + QUARTER
            if not self.is_subscribed:
                self.subscribe()
            self.fold.confirm(self.protocol.traded_symbols(), received_at)
            self.take(received_at)
        for event in self.protocol.receive(frame, received_at):
            if isinstance(event, SymbolTrades):
                self.fold.fold(event.symbol, event.trades, event.received_at)

    def take(self, now: datetime) -> None:
        """Take the batch of a moment."""
        batch = self.fold.take(now)
        if batch is not None:
            self.batches.append(batch)

    def lose(self, at: datetime) -> None:
        """Lose the connection."""
        self.fold.lose([self.symbol], GapReason.DISCONNECTED)
        self.take(at)

    def minutes(self, window: TimeSpan, interval: Interval = Interval.M1) -> list[Candle]:
        """Return the candles of the window, as a reader of the batches folds them."""
        newest = {one.second.open_time: one.second for batch in self.batches for one in batch.closed}
        seconds = [KnownBar(at, newest[at].bar, at, newest[at].revision) for at in sorted(newest)]
        spans = read_spans(self.batches, self.symbol)
        through = max(batch.through for batch in self.batches if batch.through is not None)
        known = [span if span.reason else type(span)(span.start, min(span.end, through)) for span in spans]
        return list(fold_candles(interval, window, seconds, known, as_of=window.end + MINUTE))


def name_of(path: Path) -> str:
    """Return the source's symbol from the name of a recording."""
    return path.name.split("_")[3].upper()


@pytest.fixture(params=RECORDINGS, ids=[path.name.removesuffix(".txt.gz") for path in RECORDINGS])
def recording(request: pytest.FixtureRequest) -> Path:
    """A recording of Binance's combined streams with `@trade`."""
    path: Path = request.param
    return path


def window_of(path: Path) -> TimeSpan:
    """Return the minutes that a recording has a part of, and one before and after them."""
    times = [trade.milliseconds for trade in read_trades(path)]
    return TimeSpan(
        parse_ms(min(times) // 60_000 * 60_000) - MINUTE, parse_ms(max(times) // 60_000 * 60_000) + 2 * MINUTE
    )


def check_against(candles: list[Candle], path: Path) -> int:
    """Check that every complete minute equals the recording's. Returns their number."""
    expected, complete = fold_minutes(path), 0
    for candle in candles:
        minute = expected.get(int(candle.open_time.timestamp()) * 1000)
        bar = candle.bar
        if candle.coverage is CandleCoverage.COMPLETE:
            assert bar is not None
            assert minute is not None
            assert [str(price) for price in (bar.open, bar.high, bar.low, bar.close)] == list(minute[:4])
            assert Fraction(bar.volume or 0) == minute.volume
            assert bar.trades == minute.trades
            complete += 1
        elif candle.coverage is CandleCoverage.NO_TRADES:
            assert minute is None
        else:
            assert candle.coverage in {CandleCoverage.PARTIAL, CandleCoverage.UNKNOWN}
    return complete


@pytest.mark.slow
def test_complete_minutes_equal_the_recorded_trades(recording: Path) -> None:
    """All minutes of which the recording has the beginning and the end are complete.

    The others say what they are.
    """
    recorder, window = Recorder(name_of(recording)), window_of(recording)
    for received_at, frame in read_arrivals(recording):
        recorder.receive(received_at, frame)
    recorder.lose(recorder.check_at + timedelta(seconds=2))
    candles = recorder.minutes(window)
    assert check_against(candles, recording) == len(candles) - 4
    assert [candle.coverage for candle in candles[:2]] == [CandleCoverage.UNKNOWN, CandleCoverage.PARTIAL]
    assert [candle.coverage for candle in candles[-2:]] == [CandleCoverage.PARTIAL, CandleCoverage.UNKNOWN]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3))])
def test_minutes_with_a_hole_are_never_complete(recording: Path, seed: int) -> None:
    """Lost connections and lost frames.

    A complete minute still equals the recording, and each hole is marked.
    """
    random = Random(seed)
    recorder, window = Recorder(name_of(recording)), window_of(recording)
    away_until, dropped = window.start, set[int]()
    for received_at, frame in read_trade_arrivals(recording):
        if received_at < away_until or random.random() < LOST_FRAMES[seed]:
            dropped.add(msgspec.json.decode(frame)["data"]["T"] // 60_000 * 60_000)
            continue
        if random.random() < LOST_CONNECTIONS[seed]:
            recorder.lose(received_at)
            away_until = received_at + timedelta(seconds=random.expovariate(0.2))
        recorder.receive(received_at, frame)
    recorder.lose(recorder.check_at + timedelta(seconds=2))
    candles = recorder.minutes(window)
    complete = check_against(candles, recording)
    assert dropped
    assert complete < len(candles) - 4
    for candle in candles:
        if int(candle.open_time.timestamp()) * 1000 in dropped:
            assert candle.coverage in {CandleCoverage.PARTIAL, CandleCoverage.UNKNOWN}


@pytest.mark.slow
def test_any_interval_is_the_fold_of_its_minutes(recording: Path) -> None:
    """Folded from seconds at once, or from minutes."""
    recorder, window = Recorder(name_of(recording)), window_of(recording)
    for received_at, frame in read_trade_arrivals(recording):
        recorder.receive(received_at, frame)
    recorder.lose(recorder.check_at + timedelta(seconds=2))
    minutes = [
        KnownBar(candle.open_time, candle.bar, candle.known_at)
        for candle in recorder.minutes(window)
        if candle.bar is not None
    ]
    assert len(minutes) > 5
    for interval in (Interval.M5, Interval.H4, Interval.D1, Interval.W1, Interval.MN1):
        at_once = recorder.minutes(window, interval)
        stepwise = fold_candles(interval, window, minutes, [], as_of=window.end)
        assert [repr(candle.bar) for candle in at_once] == [repr(candle.bar) for candle in stepwise]
        assert [TimeSpan(one.open_time, one.close_time) for one in at_once] == list(
            spans_between(interval, window.start, window.end)
        )
