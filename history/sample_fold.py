"""Folds the published prices of one source into bars of seconds and their coverage. Pure.

Each price is a sample, at the time of which the source says it is. The prices between two samples are not known: the time between
them counts as covered if it is not longer than the pause that `history.sampling` allows.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from history.bar import Bar, merge
from history.batch import BarBatch, InstrumentBar, InstrumentEnd, InstrumentStart, TradePosition
from history.coverage import GapReason
from history.instrument_coverage import CoverageEnd, CoverageStart
from history.sampling import longest_pause
from history.second_fold import SecondBar
from history.trade_fold import BATCHES_PER_LIST
from history.trade_tape import NewTrades
from rates.source import Source
from rates.symbol import Symbol

# Seconds are kept for so long, to be told again by a process that takes over. Longer than the lease of the log.
KEPT_FOR = timedelta(minutes=5)
# An empty batch keeps the lease of the log, which is longer.
BATCH_EVERY = timedelta(seconds=2)


class Sample(NamedTuple):
    """The price of an instrument at a time of the source."""

    symbol: Symbol
    price: Decimal
    at: datetime

    def bar(self) -> Bar:
        """Return the bar of this sample alone."""
        price = self.price
        return Bar(price, price, price, price, None, None, None, "", "", self.at, self.at)


class _Instrument:
    """The samples of one instrument. `span_start`: since when it is covered, if it is."""

    __slots__ = ("last_at", "new", "seconds", "span_start")

    def __init__(self, position: TradePosition | None) -> None:
        self.last_at = None if position is None else position.last_at
        self.span_start = None if position is None else position.whole_from
        self.seconds: dict[datetime, SecondBar] = {}
        self.new: dict[datetime, SecondBar] = {}

    def put(self, sample: Sample) -> None:
        """Add a sample that is later than all others."""
        at, bar = sample.at.replace(microsecond=0), sample.bar()
        known = self.seconds.get(at)
        second = SecondBar(at, bar)
        if known is not None:
            second = SecondBar(at, merge(known.bar, bar), known.revision + (at not in self.new))
        self.seconds[at] = self.new[at] = second
        self.last_at = sample.at
        for old in [one for one in self.seconds if one < at - KEPT_FOR]:
            del self.seconds[old]


class SampleFold:
    """The bars and the coverage of all instruments of a source, from samples of their prices.

    `session` is as in `TradeFold`. `halted`: symbols that do not trade at present.
    """

    def __init__(
        self,
        source: Source,
        session: str,
        *,
        halted: Callable[[], Collection[Symbol]] = tuple,
        simulated: bool = False,
    ) -> None:
        self.source, self.session = source, session
        self._halted, self._simulated = halted, simulated
        self._pause = longest_pause(source)
        self._instruments: dict[Symbol, _Instrument] = {}
        self._positions: dict[Symbol, TradePosition] = {}
        self._events: list[InstrumentStart | InstrumentEnd] = []
        self._last_bars: list[InstrumentBar] = []
        self._number = 0
        self._taken_at: datetime | None = None

    def resume(self, positions: Iterable[TradePosition]) -> None:
        """Set where an earlier process left off. A short pause after its last sample is no gap."""
        self._positions = {one.symbol: one for one in positions}

    def add(self, samples: Iterable[Sample]) -> None:
        """Add samples. One that is not later than the last one of its instrument is known."""
        for sample in samples:
            one = self._instruments.get(sample.symbol) or self._begin(sample.symbol)
            before = one.last_at
            if before is not None and sample.at <= before:
                continue
            if before is None or sample.at - before > self._pause:
                self._end(sample.symbol, one, GapReason.STALLED)
                self._start(sample.symbol, one, sample.at)
            elif one.span_start is None:
                # It counted as silent, because this sample came late.
                self._start(sample.symbol, one, before)
            one.put(sample)

    def retain(self, symbols: Collection[Symbol]) -> None:
        """Forget all other instruments."""
        for symbol in [one for one in self._instruments if one not in symbols]:
            one = self._instruments.pop(symbol)
            self._positions.pop(symbol, None)
            self._end(symbol, one, GapReason.NOT_TRACKED)
            self._last_bars += [InstrumentBar(symbol, second) for second in one.new.values()]

    def take(self, now: datetime) -> BarBatch | None:
        """Return what was found since the last call; `None` if there is nothing.

        `now`: by the corrected clock.
        """
        self._end_stalled(now)
        closed, self._last_bars = self._last_bars, []
        for symbol in sorted(self._instruments):
            new = self._instruments[symbol].new
            closed += [InstrumentBar(symbol, new[at]) for at in sorted(new)]
            new.clear()
        events, self._events = self._events, []
        is_due = self._taken_at is None or now - self._taken_at >= BATCH_EVERY
        if not closed and not events and not (is_due and self._instruments):
            return None
        self._taken_at = now
        self._number += 1
        covered = self._covered()
        return BarBatch(
            source=self.source,
            session=self.session,
            number=self._number,
            folded_at=now,
            closed=tuple(closed),
            spans=tuple(events),
            through=min((one.last_at for one in covered.values() if one.last_at is not None), default=None),
            open_spans=tuple(
                InstrumentStart(symbol, CoverageStart(one.span_start))
                for symbol, one in covered.items()
                if one.span_start is not None
            )
            if self._number % BATCHES_PER_LIST == 1
            else None,
            simulated=self._simulated,
        )

    def positions(self, batch: BarBatch) -> list[TradePosition]:
        """Return the positions of the instruments after the batch that was taken last."""
        found = []
        for symbol in {one.symbol for one in batch.closed}:
            one = self._instruments.get(symbol)
            if one is not None and one.last_at is not None:
                found.append(TradePosition(symbol, "", one.last_at, one.span_start))
        return found

    def take_over(self, positions: Iterable[TradePosition], now: datetime) -> None:  # noqa: ARG002 - the recorder knows the samples
        """Go on after another process that ended: tell again what it may not have told."""
        self._number, self._taken_at = 0, None
        earliest = now - KEPT_FOR
        for symbol, one in self._instruments.items():
            one.new = {at: second for at, second in one.seconds.items() if at >= earliest}
            if one.span_start is not None:
                self._events.append(InstrumentStart(symbol, CoverageStart(max(one.span_start, earliest))))

    def take_trades(self) -> NewTrades:
        """Return nothing: samples are not trades."""
        return {}

    def finish(self) -> None:
        """Do nothing: no second waits for its end."""

    def _begin(self, symbol: Symbol) -> _Instrument:
        one = self._instruments[symbol] = _Instrument(self._positions.get(symbol))
        if one.span_start is not None:
            self._events.append(InstrumentStart(symbol, CoverageStart(one.span_start)))
        return one

    def _start(self, symbol: Symbol, one: _Instrument, at: datetime) -> None:
        one.span_start = at
        self._events.append(InstrumentStart(symbol, CoverageStart(at)))

    def _end(self, symbol: Symbol, one: _Instrument, reason: GapReason) -> None:
        """End the covered span at the last sample, if there is one."""
        if one.span_start is not None and one.last_at is not None:
            # Without a sample of its own, there was no process.
            why = GapReason.DISCONNECTED if reason is GapReason.STALLED and not one.seconds else reason
            why = GapReason.HALTED if symbol in self._halted() else why
            self._events.append(InstrumentEnd(symbol, CoverageEnd(one.last_at, why)))
        one.span_start = None

    def _end_stalled(self, now: datetime) -> None:
        for symbol, one in self._covered().items():
            if one.last_at is not None and now - one.last_at > self._pause:
                self._end(symbol, one, GapReason.STALLED)

    def _covered(self) -> dict[Symbol, _Instrument]:
        return {symbol: one for symbol, one in self._instruments.items() if one.span_start is not None}
