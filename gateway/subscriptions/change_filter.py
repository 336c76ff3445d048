"""What is worth telling a reader that asked for moves of some size only (`minChangeBps`). Knows nothing of events.

A move that is too small is left out, but not for ever: once what the reader holds is about to turn STALE or EXPIRED while the
newer observation is not, that is told after all. Else a quiet market would look like a dead one to its reader.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from gateway.queries.freshness import EXPIRED_AFTER_TTLS, Freshness, age_at, classify
from gateway.queries.rate import TtlBySource
from gateway.state.position import Positions, StreamPosition
from rates.clock import Clock
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker, TickerKey

BPS = 10_000
# A quarter of the time to live before the end: enough for the way to any client.
NOTICE_SHARE = 4
_MICROSECOND = timedelta(microseconds=1)
_WORSE = {freshness: rank for rank, freshness in enumerate(Freshness)}


def is_move(before: Decimal, price: Decimal, min_change_bps: Decimal) -> bool:
    """Whether the price has moved by at least so many basis points of what it was."""
    return abs(price - before) * BPS >= min_change_bps * before


def would_look_fresher(newer: Ticker, held: Ticker, ttl: timedelta, now: datetime) -> bool:
    """Whether whoever has `held` will soon judge it worse than `newer` is."""
    soon = age_at(now, held.observed_at) + ttl / NOTICE_SHARE
    return _WORSE[classify(soon, ttl)] > _WORSE[classify(age_at(now, newer.observed_at), ttl)]


def next_refresh_at(held: Ticker, ttl: timedelta, now: datetime) -> datetime | None:
    """The next moment at which a newer observation may outlive `held`; `None` when that will not make a difference."""
    for ttls in (1, EXPIRED_AFTER_TTLS):
        moment = held.observed_at + ttl * ttls - ttl / NOTICE_SHARE + _MICROSECOND
        if moment > now:
            return moment
    return None


class _Suppressed(NamedTuple):
    ticker: Ticker
    before: StreamPosition


class MinChangeFilter:
    """What one reader holds and what is withheld from it. `place_of` says up to where a source's writes are known."""

    def __init__(
        self,
        min_change_bps: Decimal,
        *,
        ttl: TtlBySource,
        place_of: Callable[[Source], StreamPosition],
        clock: Clock,
    ) -> None:
        self._min_change_bps = min_change_bps
        self._ttl = ttl
        self._place_of = place_of
        self._clock = clock
        self._held: dict[TickerKey, Ticker] = {}
        # Per source in the order of writes, so that the first has the lowest place.
        self._withheld: dict[Source, dict[Symbol, _Suppressed]] = {}
        # When something withheld may be due; never too late, sometimes too early.
        self.deadline: datetime | None = None

    def admits(self, ticker: Ticker) -> bool:
        """Whether `ticker` is worth telling now; else it is withheld."""
        self._release(ticker.key)
        held = self._held.get(ticker.key)
        if held is None or is_move(held.price, ticker.price, self._min_change_bps):
            return True
        ttl, now = self._ttl[ticker.source], self._clock()
        if would_look_fresher(ticker, held, ttl, now):
            return True
        entry = _Suppressed(ticker, self._place_of(ticker.source))
        self._withheld.setdefault(ticker.source, {})[ticker.symbol] = entry
        self._note_alarm(next_refresh_at(held, ttl, now))
        return False

    def note_told(self, tickers: Iterable[Ticker]) -> None:
        """These have reached the reader: moves are measured from them."""
        for ticker in tickers:
            self._held[ticker.key] = ticker
            self._release(ticker.key)

    def forget(self, key: TickerKey) -> None:
        """The reader holds it no more."""
        self._held.pop(key, None)
        self._release(key)

    def take_due(self) -> list[Ticker]:
        """What was withheld and is worth telling by now."""
        now = self._clock()
        if self.deadline is None or now < self.deadline:
            return []
        due = [each for each in self._entries() if self._is_due(each, now)]
        for ticker in due:
            self._release(ticker.key)
        self.deadline = None
        for ticker in self._entries():
            self._note_alarm(next_refresh_at(self._held[ticker.key], self._ttl[ticker.source], now))
        return due

    def told_up_to(self, position: Positions) -> Positions:
        """`position`, but per source only up to before the first write of which something is withheld."""
        if not self._withheld:
            return position
        return {
            source: next(iter(withheld.values())).before
            if (withheld := self._withheld.get(source))
            else place
            for source, place in position.items()
        }

    def _is_due(self, ticker: Ticker, now: datetime) -> bool:
        return would_look_fresher(ticker, self._held[ticker.key], self._ttl[ticker.source], now)

    def _entries(self) -> Iterator[Ticker]:
        for withheld in self._withheld.values():
            for entry in withheld.values():
                yield entry.ticker

    def _release(self, key: TickerKey) -> None:
        withheld = self._withheld.get(key.source)
        if withheld and withheld.pop(key.symbol, None) and not withheld:
            del self._withheld[key.source]

    def _note_alarm(self, moment: datetime | None) -> None:
        if moment is not None and (self.deadline is None or moment < self.deadline):
            self.deadline = moment
