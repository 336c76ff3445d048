"""Symbols that are delivered without interruption, over the connections of a shard."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from history.coverage import GapReason
from history.trade import Trade
from pipeline.feeds.trade_coverage import TradeCoverage
from rates.symbol import Symbol
from tests.pipeline.fakes import BTC, ETH, START


@dataclass
class FakeConnection:
    """A connection that delivers these symbols."""

    number: int
    symbols: frozenset[Symbol] = frozenset({BTC, ETH})
    read_until: datetime | None = START

    def traded_symbols(self) -> frozenset[Symbol]:
        return self.symbols


@dataclass
class FakeSink:
    """A `TradeSink` that keeps what it was told."""

    confirmed: list[set[Symbol]] = field(default_factory=list)
    lost: list[tuple[set[Symbol], GapReason]] = field(default_factory=list)

    def fold(self, symbol: Symbol, trades: Iterable[Trade], received_at: datetime) -> None:
        raise NotImplementedError

    def confirm(self, symbols: Iterable[Symbol], read_until: datetime) -> None:
        self.confirmed.append(set(symbols))

    def lose(self, symbols: Iterable[Symbol], reason: GapReason) -> None:
        self.lost.append((set(symbols), reason))


def test_a_lost_connection_loses_its_symbols() -> None:
    """Once."""
    sink = FakeSink()
    coverage = TradeCoverage(sink)
    coverage.update([FakeConnection(1)], {BTC, ETH})
    coverage.update([], {BTC, ETH})
    coverage.update([], {BTC, ETH})
    assert sink.lost == [({BTC, ETH}, GapReason.DISCONNECTED)]


def test_a_replaced_connection_loses_nothing() -> None:
    """Both delivered the symbol at some time, one of them always."""
    sink = FakeSink()
    coverage = TradeCoverage(sink)
    for numbers in ([1], [1, 2], [2]):
        coverage.update([FakeConnection(number) for number in numbers], {BTC, ETH})
    assert sink.lost == []


def test_a_symbol_that_only_the_lost_connection_delivered_is_lost() -> None:
    """Its successor has not subscribed it yet, or just did."""
    sink = FakeSink()
    coverage = TradeCoverage(sink)
    coverage.update([FakeConnection(1), FakeConnection(2, frozenset({BTC}))], {BTC, ETH})
    coverage.update([FakeConnection(2)], {BTC, ETH})
    assert sink.lost == [({ETH}, GapReason.STALLED)]
    assert sink.confirmed[-1] == {BTC, ETH}


def test_a_symbol_that_is_subscribed_anew_is_lost_meanwhile() -> None:
    """The connection is alive, the channel was not."""
    sink = FakeSink()
    coverage = TradeCoverage(sink)
    coverage.update([FakeConnection(1)], {BTC, ETH})
    coverage.update([FakeConnection(1, frozenset({ETH}))], {BTC, ETH})
    assert sink.lost == [({BTC}, GapReason.STALLED)]


def test_a_connection_without_a_message_proves_nothing() -> None:
    """No message was read."""
    sink = FakeSink()
    connections = [FakeConnection(1, read_until=None), FakeConnection(2)]
    TradeCoverage(sink).update(connections, {BTC, ETH})
    assert sink.confirmed == [{BTC, ETH}]


def test_a_symbol_that_is_no_longer_tracked_is_lost_as_such() -> None:
    """The connection goes on without it."""
    sink = FakeSink()
    coverage = TradeCoverage(sink)
    coverage.update([FakeConnection(1)], {BTC, ETH})
    coverage.update([FakeConnection(1, frozenset({ETH}))], {ETH})
    assert sink.lost == [({BTC}, GapReason.NOT_TRACKED)]
