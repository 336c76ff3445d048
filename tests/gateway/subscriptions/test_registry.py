"""Conflation: only the newest value per instrument is pending, and none is lost."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.memory import MemoryCache
from gateway.state.mirror import Mirror
from gateway.subscriptions.conflation import ConflationBuffer
from gateway.subscriptions.instrument_filter import InstrumentFilter
from gateway.subscriptions.registry import SubscriptionRegistry
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker, TickerKey
from rates.wire import Changes
from tests.lengths import at_length

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEYS = [TickerKey(source, Symbol(base, "USD")) for source in Source for base in ("BTC", "ETH")]


class Buffer(ConflationBuffer):
    """A buffer that is never suspended."""

    def suspend_for_now(self) -> None:
        """Do nothing."""


def build(key: TickerKey, second: int, price: int = 100) -> Ticker:
    moment = NOON + timedelta(seconds=second)
    return Ticker(
        source=key.source,
        symbol=key.symbol,
        price=Decimal(price),
        observed_at=moment,
        observed_at_origin=ObservedAtOrigin.SOURCE,
        received_at=moment,
    )


ticks = st.tuples(st.just("tick"), st.sampled_from(KEYS), st.integers(0, 6))
symbols = st.none() | st.frozensets(st.sampled_from([key.symbol for key in KEYS]))
joins = st.tuples(st.just("join"), symbols, st.frozensets(st.sampled_from(Source)))
reads = st.tuples(st.just("read"), st.integers(0, 5), st.none())
leaves = st.tuples(st.just("leave"), st.integers(0, 5), st.none())


class Tracked:
    """A catalog that tracks all instruments of these tests."""

    tracked = frozenset(KEYS)


class Oracle:
    """The expected tickers of a buffer, from a log of everything published."""

    def __init__(self, selection: InstrumentFilter, snapshot: dict[TickerKey, Ticker]) -> None:
        self.selection = selection
        self.seen = {key: ticker for key, ticker in snapshot.items() if selection.matches(key)}
        self.log: list[Ticker] = []

    def publish(self, ticker: Ticker) -> None:
        if self.selection.matches(ticker.key):
            self.log.append(ticker)

    def read(self) -> tuple[dict[TickerKey, Ticker], int]:
        newest = {ticker.key: ticker for ticker in self.log}
        conflated = len(self.log) - len(newest)
        self.log = []
        return newest, conflated


class BufferScenario:
    """A mirror, its registry, and buffers with their oracles."""

    def __init__(self) -> None:
        self.registry = SubscriptionRegistry(Tracked())
        self.mirror = Mirror(MemoryCache(), publish=self._publish)
        self.readers: list[tuple[Buffer, Oracle]] = []
        self._seq = dict.fromkeys(Source, 0)

    def _publish(self, ticker: Ticker, key: TickerKey) -> None:
        self.registry.publish(ticker, key)
        for _, oracle in self.readers:
            oracle.publish(ticker)

    def known(self) -> dict[TickerKey, Ticker]:
        found = {key: self.mirror.read(key) for key in KEYS}
        return {key: ticker for key, ticker in found.items() if ticker is not None}

    def tick(self, key: TickerKey, second: int) -> None:
        self._seq[key.source] += 1
        changes = Changes(key.source, "e", self._seq[key.source], (build(key, second),))
        self.mirror._apply_changes(self.mirror.sources[key.source], changes)

    def join(self, symbols: frozenset[Symbol] | None, sources: frozenset[Source]) -> None:
        selection = InstrumentFilter(symbols, sources)
        buffer = Buffer()
        self.registry.add(selection, buffer)
        self.readers.append((buffer, Oracle(selection, self.known())))

    def read(self, index: int, _nothing: None = None) -> None:
        if index >= len(self.readers):
            return
        buffer, oracle = self.readers[index]
        expected, conflated = oracle.read()
        batch = buffer.take()
        assert len(batch.tickers) == len(expected)
        assert {ticker.key: ticker for ticker in batch.tickers} == expected
        assert batch.conflated == conflated
        for ticker in batch.tickers:
            before = oracle.seen.get(ticker.key)
            assert before is None or ticker.is_newer_than(before)
            oracle.seen[ticker.key] = ticker

    def leave(self, index: int, _nothing: None = None) -> None:
        if index < len(self.readers):
            buffer, oracle = self.readers.pop(index)
            self.registry.remove(oracle.selection, buffer)

    def finish(self) -> None:
        """Check that all buffers have what the mirror has, and that none stays registered."""
        known = self.known()
        while self.readers:
            self.read(0)
            oracle = self.readers[0][1]
            assert oracle.seen == {key: known[key] for key in known if oracle.selection.matches(key)}
            self.leave(0)
        assert not self.registry._by_symbol
        assert not self.registry._all_symbols


@pytest.mark.slow
@settings(max_examples=at_length(300), deadline=None)
@given(st.lists(st.one_of(ticks, ticks, ticks, joins, reads, leaves), max_size=60))
def test_every_buffer_yields_what_the_oracle_expects(steps: list[tuple[str, *tuple[object, ...]]]) -> None:
    """For any interleaving of ticks, duplicates, late ticks, joins, leaves and slow reads."""
    scenario = BufferScenario()
    for kind, *arguments in steps:
        getattr(scenario, kind)(*arguments)
    scenario.finish()


def test_a_buffer_that_is_never_read_holds_one_value_per_instrument() -> None:
    """However many updates arrive."""
    registry, buffer = SubscriptionRegistry(Tracked()), Buffer()
    registry.add(InstrumentFilter(None, frozenset(Source)), buffer)
    for second in range(10_000):
        key = KEYS[second % 4]
        registry.publish(build(key, second), key)
    batch = buffer.take()
    assert len(batch.tickers) == 4
    assert batch.conflated == 9_996


def test_a_ticker_of_an_instrument_that_is_not_tracked_is_not_published() -> None:
    """Until the catalog contains it."""
    registry, buffer = SubscriptionRegistry(Tracked()), Buffer()
    registry.add(InstrumentFilter(None, frozenset(Source)), buffer)
    untracked = TickerKey(Source.KRAKEN, Symbol("TRX", "USD"))
    registry.publish(build(untracked, 1), untracked)
    assert not buffer.has_pending
