"""Tells the sink of trades which symbols a shard delivers without interruption."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from history.coverage import GapReason
from pipeline.feeds.feed_context import TradeSink
from rates.symbol import Symbol


class TradeConnection(Protocol):
    """A connection with trade channels. All that came until `read_until` was read."""

    @property
    def number(self) -> int: ...

    @property
    def read_until(self) -> datetime | None: ...

    def traded_symbols(self) -> frozenset[Symbol]:
        """Return the symbols of which every trade is delivered."""
        ...


class TradeCoverage:
    """The symbols of one shard whose trades are delivered, by connection.

    While one connection replaces another, a symbol goes on if one of both delivered it all the time.
    """

    def __init__(self, sink: TradeSink) -> None:
        self._sink = sink
        self._delivered: dict[int, frozenset[Symbol]] = {}

    def update(self, connections: Sequence[TradeConnection], tracked: Collection[Symbol]) -> None:
        """Compare what the present connections deliver with the last time."""
        before, self._delivered = self._delivered, {one.number: one.traded_symbols() for one in connections}
        kept = {
            symbol
            for number, symbols in self._delivered.items()
            for symbol in symbols & before.get(number, frozenset())
        }
        lost = frozenset().union(*before.values()) - kept
        if untracked := lost.difference(tracked):
            self._sink.lose(untracked, GapReason.NOT_TRACKED)
        if lost := lost.intersection(tracked):
            is_connected = any(number in before for number in self._delivered)
            self._sink.lose(lost, GapReason.STALLED if is_connected else GapReason.DISCONNECTED)
        for one in connections:
            if one.read_until is not None:
                self._sink.confirm(self._delivered[one.number], one.read_until)
