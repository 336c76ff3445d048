"""The filter of `minChangeBps`: suppresses changes of the price that are too small to send.

A suppressed ticker is released once the one sent last is about to turn STALE or EXPIRED while the suppressed one is not.
Otherwise a quiet market would look like a dead one.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from gateway.queries.freshness import EXPIRED_AFTER_TTLS, Freshness, classify
from gateway.queries.rate import TtlBySource
from gateway.state.position import Positions, StreamPosition
from rates.age import age_at
from rates.clock import Clock
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker, TickerKey

BPS = 10_000
# A refresh is sent a quarter of the time to live before the end: enough for the way to any client.
REFRESH_LEAD_DIVISOR = 4
_MICROSECOND = timedelta(microseconds=1)
_RANK = {freshness: rank for rank, freshness in enumerate(Freshness)}


def has_moved(before: Decimal, price: Decimal, min_change_bps: Decimal) -> bool:
    """Whether the price has changed by at least `min_change_bps` basis points of `before`."""
    return abs(price - before) * BPS >= min_change_bps * before


def would_look_fresher(newer: Ticker, sent: Ticker, ttl: timedelta, now: datetime) -> bool:
    """Whether `sent` is about to have a worse freshness than `newer` has now."""
    soon = age_at(now, sent.observed_at) + ttl / REFRESH_LEAD_DIVISOR
    return _RANK[classify(soon, ttl)] > _RANK[classify(age_at(now, newer.observed_at), ttl)]


def next_refresh_at(sent: Ticker, ttl: timedelta, now: datetime) -> datetime | None:
    """Return when `sent` next comes close to a worse freshness, so a newer ticker may be due.

    `None` if `sent` is EXPIRED, or about to be.
    """
    for ttls in (1, EXPIRED_AFTER_TTLS):
        refresh_at = sent.observed_at + ttl * ttls - ttl / REFRESH_LEAD_DIVISOR + _MICROSECOND
        if refresh_at > now:
            return refresh_at
    return None


class _Suppressed(NamedTuple):
    ticker: Ticker
    before: StreamPosition


class MinChangeFilter:
    """The tickers last sent to one subscriber, and those suppressed since.

    `position_of` is the mirror's position of a source.
    """

    def __init__(
        self,
        min_change_bps: Decimal,
        *,
        ttl: TtlBySource,
        position_of: Callable[[Source], StreamPosition],
        clock: Clock,
    ) -> None:
        self._min_change_bps = min_change_bps
        self._ttl = ttl
        self._position_of = position_of
        self._clock = clock
        self._sent: dict[TickerKey, Ticker] = {}
        # Per source in the order of writes: the first has the lowest position.
        self._suppressed: dict[Source, dict[Symbol, _Suppressed]] = {}
        self.deadline: datetime | None = None
        """When a suppressed ticker may have to be released: never too late, sometimes too early."""

    def accept(self, ticker: Ticker) -> bool:
        """Return whether to send `ticker` now; otherwise suppress it."""
        self._drop(ticker.key)
        sent = self._sent.get(ticker.key)
        if sent is None or has_moved(sent.price, ticker.price, self._min_change_bps):
            return True
        ttl, now = self._ttl[ticker.source], self._clock()
        if would_look_fresher(ticker, sent, ttl, now):
            return True
        entry = _Suppressed(ticker, self._position_of(ticker.source))
        self._suppressed.setdefault(ticker.source, {})[ticker.symbol] = entry
        self._lower_deadline(next_refresh_at(sent, ttl, now))
        return False

    def mark_sent(self, tickers: Iterable[Ticker]) -> None:
        """Record that these tickers were sent: changes are measured from them."""
        for ticker in tickers:
            self._sent[ticker.key] = ticker
            self._drop(ticker.key)

    def forget(self, key: TickerKey) -> None:
        """Forget an instrument that has become unavailable."""
        self._sent.pop(key, None)
        self._drop(key)

    def release_due(self) -> list[Ticker]:
        """Release the suppressed tickers that have to be sent by now."""
        now = self._clock()
        if self.deadline is None or now < self.deadline:
            return []
        due = [each for each in self._tickers() if self._is_due(each, now)]
        for ticker in due:
            self._drop(ticker.key)
        self.deadline = None
        for ticker in self._tickers():
            self._lower_deadline(next_refresh_at(self._sent[ticker.key], self._ttl[ticker.source], now))
        return due

    def sent_positions(self, positions: Positions) -> Positions:
        """`positions`, but of each source only up to its first suppressed write."""
        if not self._suppressed:
            return positions
        return {
            source: next(iter(suppressed.values())).before
            if (suppressed := self._suppressed.get(source))
            else position
            for source, position in positions.items()
        }

    def _is_due(self, ticker: Ticker, now: datetime) -> bool:
        return would_look_fresher(ticker, self._sent[ticker.key], self._ttl[ticker.source], now)

    def _tickers(self) -> Iterator[Ticker]:
        for suppressed in self._suppressed.values():
            for entry in suppressed.values():
                yield entry.ticker

    def _drop(self, key: TickerKey) -> None:
        suppressed = self._suppressed.get(key.source)
        if suppressed and suppressed.pop(key.symbol, None) and not suppressed:
            del self._suppressed[key.source]

    def _lower_deadline(self, at: datetime | None) -> None:
        if at is not None and (self.deadline is None or at < self.deadline):
            self.deadline = at
