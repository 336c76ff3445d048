"""Folds the trades of one source over all connections of a process. Pure."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain as joined

import msgspec

from history.batch import BarBatch, InstrumentBar, InstrumentEnd, InstrumentStart, TradePosition
from history.coverage import GapReason
from history.instrument_coverage import STALLED_AFTER, CoverageEvent, CoverageStart, InstrumentCoverage
from history.second_fold import CLOSE_AFTER, CORRECTABLE_FOR, SECOND, SecondFold
from history.trade import Trade
from history.trade_chain import Continuity, TradeChain
from history.trade_rules import EARLIEST, find_fault, has_ordinary_numbers
from history.trade_tape import TAPE_LENGTH, NewTrades
from rates.source import Source
from rates.symbol import Symbol

# Batches between two that list all open spans: about 10 s.
BATCHES_PER_LIST = 100
# Viewers see a forming candle at most four times a second. Less than two ticks, which are not exact.
FORMING_EVERY = timedelta(milliseconds=190)
_RESOLUTION = timedelta(microseconds=1)

OnRefused = Callable[[Symbol, Trade, str], None]
_TOO_LATE = "its second was closed too long ago to be corrected"
# Of a trade before which others may be missing.
_UNPROVED = (Continuity.FIRST, Continuity.SKIPPED, Continuity.RESTARTED)


class _Instrument:
    """The fold of one instrument."""

    __slots__ = ("coverage", "has_hole", "new_trades", "seconds")

    def __init__(self, position: TradePosition | None) -> None:
        if position is None:
            self.coverage = InstrumentCoverage(TradeChain())
        else:
            chain = TradeChain(position.last_id, position.last_at)
            self.coverage = InstrumentCoverage(chain, position.whole_from)
        self.seconds = SecondFold()
        self.new_trades: deque[Trade] = deque(maxlen=TAPE_LENGTH)
        # Whether a trade was left out of the new ones that would be before them.
        self.has_hole = False

    def add_new(self, trade: Trade, continuity: Continuity, *, is_fresh: bool) -> None:
        """Keep a trade for the tape. `is_fresh`: it is the first one of its connection."""
        is_unproved = continuity in _UNPROVED or (is_fresh and isinstance(trade.id, str))
        if is_unproved:
            trade = msgspec.structs.replace(trade, after_gap=True)
        if len(self.new_trades) == TAPE_LENGTH:
            self.has_hole = True
        self.new_trades.append(trade)

    def add_following(self, trades: Sequence[Trade], latest: datetime) -> int:
        """Add trades from the first one on as long as nothing has to be decided about them.

        Each is single, in the forming second and not after `latest`, has the number after the last one, and no fault. Returns
        how many that are.
        """
        number, span = self.coverage.next_id, self.seconds.span
        if number is None or span is None:
            return 0
        start, end = span
        if start < EARLIEST:
            return 0
        end = min(end, latest + _RESOLUTION)
        count = 0
        for trade in trades:
            if (
                trade.id != number
                or not start <= trade.time < end
                or trade.count != 1
                or not has_ordinary_numbers(trade)
            ):
                break
            number += 1
            count += 1
        if count:
            taken = trades if count == len(trades) else trades[:count]
            self.coverage.take_following(taken)
            self.seconds.add_in_order(taken)
            if len(self.new_trades) + count > TAPE_LENGTH:
                self.has_hole = True
            self.new_trades.extend(taken)
        return count

    def take_new(self) -> tuple[Trade, ...]:
        """Return the new trades; the first one says so if others before it were left out."""
        first, *others = self.new_trades
        if self.has_hole:
            first = msgspec.structs.replace(first, after_gap=True)
        self.new_trades.clear()
        self.has_hole = False
        return first, *others


class TradeFold:
    """The bars and the coverage of all instruments of a source.

    `session` names this process, its start and its time as the writer: it changes when another process may have written.
    `max_skew`: how far the source's clock may be ahead of ours. `halted`: symbols that do not trade at present.
    """

    def __init__(
        self,
        source: Source,
        session: str,
        *,
        max_skew: timedelta,
        on_refused: OnRefused = lambda *_: None,
        halted: Callable[[], Collection[Symbol]] = tuple,
        simulated: bool = False,
    ) -> None:
        self.source, self.session = source, session
        self._max_skew, self._on_refused, self._simulated = max_skew, on_refused, simulated
        self._halted = halted
        self._instruments: dict[Symbol, _Instrument] = {}
        self._positions: dict[Symbol, TradePosition] = {}
        self._changed: set[Symbol] = set()
        self._forming: set[Symbol] = set()
        self._traded: set[Symbol] = set()
        self._unseen: set[Symbol] = set()
        self._formed_at: datetime | None = None
        self._ended: list[tuple[Symbol, CoverageEvent]] = []
        self._last_bars: list[InstrumentBar] = []
        self._number = 0
        self._written: dict[Symbol, TradePosition] = {}
        self._through: datetime | None = None
        self._closed_until = datetime.min.replace(tzinfo=UTC)

    def resume(self, positions: Iterable[TradePosition]) -> None:
        """Set where an earlier process left off, so that no trade is taken twice.

        Instruments that are folded already keep what they know.
        """
        self._positions = {one.symbol: one for one in positions}

    def positions(self, batch: BarBatch) -> list[TradePosition]:
        """Return the positions of the instruments after the closed seconds of a batch."""
        newest = {one.symbol: one.second.bar for one in batch.closed}
        found = []
        for symbol, bar in newest.items():
            known = self._written.get(symbol)
            if known is None or bar.last_at >= known.last_at:
                one = self._instruments.get(symbol)
                whole_from = None if one is None else one.coverage.whole_from
                self._written[symbol] = TradePosition(symbol, bar.last_id, bar.last_at, whole_from)
                found.append(self._written[symbol])
        return found

    def take_over(self, positions: Iterable[TradePosition], now: datetime) -> None:
        """Go on after another process that ended: tell again what it may not have told.

        That are the seconds after its `positions`, which this process folded too, and the spans since the earliest of them.
        """
        # Its batches are the first of their session that are written.
        self._number, self._through = 0, None
        told = {one.symbol: (one.last_at, one.last_id) for one in positions}
        earliest = now - CORRECTABLE_FOR
        for symbol, one in self._instruments.items():
            one.seconds.repeat_after(*told.get(symbol, (None, None)))
            start = one.coverage.span_start
            if one.coverage.is_covered and start is not None:
                one.coverage.events.append(CoverageStart(max(start, earliest)))
            self._changed.add(symbol)

    def finish(self) -> None:
        """Close all seconds, because the process ends.

        Another one adds the trades that are still to come.
        """
        for symbol, one in self._instruments.items():
            one.seconds.close_now()
            self._changed.add(symbol)

    def retain(self, symbols: Collection[Symbol]) -> None:
        """Forget all other instruments, which are not tracked any more."""
        for symbol in self._instruments.keys() - set(symbols):
            one = self._instruments.pop(symbol)
            one.coverage.end(self._reason(symbol, GapReason.NOT_TRACKED))
            self._ended += [(symbol, event) for event in one.coverage.events]
            one.seconds.close_now()
            self._last_bars += [InstrumentBar(symbol, second) for second in one.seconds.take_closed()]
            self._changed.discard(symbol)
            self._forming.discard(symbol)

    def fold(self, symbol: Symbol, trades: Sequence[Trade], received_at: datetime) -> None:
        """Add trades of one instrument, which may be repetitions."""
        one = self._instruments.get(symbol) or self._add(symbol)
        at, latest = 0, received_at + self._max_skew
        while at < len(trades):
            at += one.add_following(trades[at:] if at else trades, latest)
            if at < len(trades):
                self._fold_one(symbol, one, trades[at], received_at)
                at += 1
        self._changed.add(symbol)
        self._forming.add(symbol)
        self._traded.add(symbol)

    def _fold_one(self, symbol: Symbol, one: _Instrument, trade: Trade, received_at: datetime) -> None:
        """Add a trade of which anything may be true."""
        fault = find_fault(trade, now=received_at, max_skew=self._max_skew)
        if fault is None:
            is_fresh = one.coverage.is_fresh
            continuity = one.coverage.take(trade, received_at)
            if continuity is Continuity.REPEATED:
                return
            if one.seconds.add(trade):
                one.add_new(trade, continuity, is_fresh=is_fresh)
                return
            fault = _TOO_LATE
            one.has_hole = True
        one.coverage.end(GapReason.REFUSED)
        self._on_refused(symbol, trade, fault)

    def take_trades(self) -> NewTrades:
        """Return the trades that were added since the last call, at most those that a tape keeps."""
        found: dict[Symbol, tuple[Trade, ...]] = {}
        for symbol in self._traded:
            if (one := self._instruments.get(symbol)) is not None and one.new_trades:
                found[symbol] = one.take_new()
        self._traded.clear()
        return found

    def confirm(self, symbols: Iterable[Symbol], read_until: datetime) -> None:
        """Record that their trades are subscribed, and all that came until `read_until` was read."""
        for symbol in symbols:
            (self._instruments.get(symbol) or self._add(symbol)).coverage.confirm(read_until)

    def lose(self, symbols: Iterable[Symbol], reason: GapReason) -> None:
        """Record that no connection delivers their trades any more."""
        for symbol in symbols:
            if one := self._instruments.get(symbol):
                one.coverage.end(self._reason(symbol, reason))

    def take(self, now: datetime) -> BarBatch | None:
        """Return what was found since the last call; `None` if there is nothing.

        `now`: by the corrected clock.
        """
        for symbol in tuple(self._forming):
            seconds = self._instruments[symbol].seconds
            seconds.close_due(now)
            if seconds.closes_at is None:
                self._forming.discard(symbol)
                self._changed.add(symbol)
        through = self._end_stalled()
        spans = tuple(self._take_events())
        closed_until = (now - CLOSE_AFTER).replace(microsecond=0)
        # Viewers close candles by the first batch after the end of a second.
        is_news = through is not None and (
            self._through is None or through - self._through >= SECOND or closed_until > self._closed_until
        )
        last_bars, self._last_bars = self._last_bars, []
        if not self._changed and not spans and not last_bars and not is_news:
            return None
        self._through, self._closed_until = through, closed_until
        self._number += 1
        is_list = self._number % BATCHES_PER_LIST == 1
        changed = sorted(self._changed)
        batch = BarBatch(
            source=self.source,
            session=self.session,
            number=self._number,
            folded_at=now,
            closed=(
                *last_bars,
                *(
                    InstrumentBar(symbol, second)
                    for symbol in changed
                    for second in self._instruments[symbol].seconds.take_closed()
                ),
            ),
            forming=tuple(self._take_forming(now)),
            spans=spans,
            through=through,
            open_spans=tuple(self._open_spans()) if is_list else None,
            simulated=self._simulated,
        )
        self._changed.clear()
        return batch

    def _take_forming(self, now: datetime) -> Iterable[InstrumentBar]:
        """Yield the forming seconds that have changed, every `FORMING_EVERY`."""
        self._unseen |= self._changed
        if self._formed_at is not None and now - self._formed_at < FORMING_EVERY:
            return
        self._formed_at = now
        for symbol in sorted(self._unseen):
            if (one := self._instruments.get(symbol)) and (second := one.seconds.forming()) is not None:
                yield InstrumentBar(symbol, second)
        self._unseen.clear()

    def _reason(self, symbol: Symbol, reason: GapReason) -> GapReason:
        return GapReason.HALTED if symbol in self._halted() else reason

    def _add(self, symbol: Symbol) -> _Instrument:
        one = self._instruments[symbol] = _Instrument(self._positions.get(symbol))
        return one

    def _end_stalled(self) -> datetime | None:
        """End the spans that have fallen behind all others. Returns until when the rest is covered."""
        covered = [
            (coverage.through, coverage)
            for one in self._instruments.values()
            if (coverage := one.coverage).is_covered and coverage.through is not None
        ]
        if not covered:
            return None
        latest = max(through for through, _ in covered)
        for through, coverage in covered:
            if latest - through > STALLED_AFTER:
                coverage.end(GapReason.STALLED)
        return min(through for through, _ in covered if latest - through <= STALLED_AFTER)

    def _take_events(self) -> Iterable[InstrumentStart | InstrumentEnd]:
        ended, self._ended = self._ended, []
        found = [
            (symbol, one.coverage.events) for symbol, one in self._instruments.items() if one.coverage.events
        ]
        for symbol, event in joined(ended, ((symbol, event) for symbol, events in found for event in events)):
            if isinstance(event, CoverageStart):
                yield InstrumentStart(symbol, event)
            else:
                yield InstrumentEnd(symbol, event)
        for _, events in found:
            events.clear()

    def _open_spans(self) -> Iterable[InstrumentStart]:
        for symbol, one in self._instruments.items():
            start = one.coverage.span_start
            if one.coverage.is_covered and start is not None:
                yield InstrumentStart(symbol, CoverageStart(start))
