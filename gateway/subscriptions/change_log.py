"""The newest change of each instrument, for cohorts that do not receive tickers.

A cohort whose subscribers are not ready, or for which there is no time, would pay for each ticker. Instead it is suspended, and
reads the log once it can send again.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from gateway.subscriptions.instrument_filter import InstrumentFilter
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker, TickerKey

# A cohort that misses more removals of instruments counts values as merged that were removed unseen.
MAX_RETRACTIONS = 10_000


class Suspension(NamedTuple):
    """The last change when a cohort was suspended, and the tickers for the cohort so far."""

    number: int
    tickers: int


class Retraction(NamedTuple):
    """The removal of an instrument.

    `replaced` is the number of its ticker in the log, 0 if it had none.
    """

    number: int
    key: TickerKey
    replaced: int


class Missed(NamedTuple):
    """The changes during a suspension.

    `changes` has the newest ticker of each changed instrument, in order; `None` if it is unavailable.
    """

    since: int
    changes: list[tuple[TickerKey, Ticker | None]]
    tickers: int
    retractions: list[Retraction]


class _Change:
    __slots__ = ("count", "number", "ticker")

    def __init__(self) -> None:
        self.ticker: Ticker | None = None
        self.number = 0
        self.count = 0


class ChangeLog:
    """Written only while a cohort is suspended."""

    def __init__(self) -> None:
        self._changes: dict[Symbol, dict[Source, _Change]] = {}
        self._retractions: deque[Retraction] = deque(maxlen=MAX_RETRACTIONS)
        # The tickers of all symbols, by sources, after the change `_counted_at`.
        self._counted: dict[frozenset[Source], int] = {}
        self._counted_at = 0
        self._number = 0
        self.suspended = 0
        """Suspended cohorts."""

    def put(self, ticker: Ticker, key: TickerKey) -> None:
        """Record the newest ticker of an instrument."""
        change, _ = self._record(key)
        change.ticker = ticker
        change.count += 1

    def retract(self, key: TickerKey) -> None:
        """Record that an instrument has become unavailable."""
        change, before = self._record(key)
        replaced = 0 if change.ticker is None else before
        self._retractions.append(Retraction(self._number, key, replaced))
        change.ticker = None

    def suspend(self, instruments: InstrumentFilter, known: Suspension | None = None) -> Suspension:
        """Begin a suspension, which `resume` or `end` ends.

        One of the same instruments and the same moment may be `known`.
        """
        self.suspended += 1
        return known or Suspension(self._number, self._count(instruments))

    def resume(self, instruments: InstrumentFilter, suspension: Suspension) -> Missed:
        """End a suspension; return what was missed."""
        since = suspension.number
        changed = [entry for entry in self._select(instruments) if entry[1].number > since]
        changed.sort(key=lambda entry: entry[1].number)
        missed = Missed(
            since,
            [(key, change.ticker) for key, change in changed],
            self._count(instruments) - suspension.tickers,
            [each for each in self._retractions if each.number > since and instruments.matches(each.key)],
        )
        self.end()
        return missed

    def end(self) -> None:
        """End a suspension of which nothing is wanted."""
        self.suspended -= 1
        if not self.suspended:
            self._changes.clear()
            self._retractions.clear()
            self._counted.clear()

    def _record(self, key: TickerKey) -> tuple[_Change, int]:
        """Number a change; return it with the number of the one before."""
        by_source = self._changes.get(key.symbol)
        if by_source is None:
            by_source = self._changes[key.symbol] = {}
        change = by_source.get(key.source)
        if change is None:
            change = by_source[key.source] = _Change()
        before = change.number
        self._number += 1
        change.number = self._number
        return change, before

    def _count(self, instruments: InstrumentFilter) -> int:
        if instruments.symbols is not None:
            return sum(change.count for _, change in self._select(instruments))
        # Many are suspended after the same change.
        if self._counted_at != self._number:
            self._counted.clear()
            self._counted_at = self._number
        count = self._counted.get(instruments.sources)
        if count is None:
            count = sum(change.count for _, change in self._select(instruments))
            self._counted[instruments.sources] = count
        return count

    def _select(self, instruments: InstrumentFilter) -> Iterator[tuple[TickerKey, _Change]]:
        changes, sources = self._changes, instruments.sources
        symbols = changes if instruments.symbols is None else instruments.symbols
        for symbol in symbols:
            for source, change in changes.get(symbol, {}).items():
                if source in sources:
                    yield TickerKey(source, symbol), change
