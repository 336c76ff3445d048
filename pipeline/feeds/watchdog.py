"""Tells a quiet symbol from a dead one by its usual intervals.

Pure; times are monotonic seconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from pipeline.feeds.interval_stats import IntervalStats
from pipeline.feeds.protocol import SymbolActivity
from rates.symbol import Symbol
from rates.ticker import Ticker

# Multiple of the shortest silence that counts: how long a symbol must be observed before its silence can be unusual, and how long
# it may be silent until then.
UNOBSERVED_FACTOR = 10
# Symbols with enough intervals from which on they tell what is usual for another one of the connection, and how many times as long as
# the slowest of them that one may be silent.
MIN_PEERS = 3
TIMES_SLOWEST_PEER = 3
# A price that usually moves within this time and stops, although it is traded, is frozen; that of a stablecoin is not.
ACTIVE_PRICE_S = 5.0
# If more than this share of a connection's symbols is silent, the connection is the problem.
MOST = 0.5


class _Problem(NamedTuple):
    """A problem of a symbol: its kind, and a text for people."""

    kind: str
    text: str


@dataclass(slots=True)
class _WatchedSymbol:
    """`messages`: any message. `changes`: a message unlike the last (`last_values`).

    `moves`: a price unlike the last two.
    """

    expected_since: float
    messages: IntervalStats
    changes: IntervalStats
    moves: IntervalStats
    last_prices: tuple[Decimal | None, Decimal | None] = (None, None)
    last_values: tuple[object, ...] = ()
    problem: _Problem | None = None
    is_resubscribed: bool = False


@dataclass(frozen=True)
class WatchdogReport:
    """`silent`: symbol → problem. `resubscribe`: symbols to subscribe again.

    `is_mostly_silent`: replace the connection.
    """

    silent: dict[Symbol, str]
    resubscribe: tuple[Symbol, ...]
    is_mostly_silent: bool


class Watchdog:
    """Watches the symbols of one supervisor across its connections.

    `silent_after_s`: no symbol is reported as silent sooner, whatever its usual intervals. `first_message_s`: how long a symbol may
    be without any message after it was subscribed.
    """

    def __init__(self, *, silent_after_s: float, first_message_s: float) -> None:
        self._silent_after_s = silent_after_s
        self._first_message_s = first_message_s
        self._watched: dict[Symbol, _WatchedSymbol] = {}
        self._unobserved_s = self._peers_s = UNOBSERVED_FACTOR * silent_after_s
        self._rejected: dict[Symbol, str] = {}

    def track(self, symbols: Iterable[Symbol], now: float) -> None:
        """Set the symbols to watch."""
        before = self._watched
        self._watched = {symbol: before.get(symbol) or self._watch(now) for symbol in symbols}
        self._rejected = {
            symbol: reason for symbol, reason in self._rejected.items() if symbol in self._watched
        }

    def _watch(self, now: float) -> _WatchedSymbol:
        messages, changes, moves = (IntervalStats(self._unobserved_s) for _ in range(3))
        return _WatchedSymbol(now, messages, changes, moves)

    def on_disconnect(self, now: float) -> None:
        """Start over with a new connection, which may reject other symbols."""
        self._rejected.clear()
        for one in self._watched.values():
            one.expected_since, one.is_resubscribed = now, False
            one.messages.pause()
            one.changes.pause()
            one.moves.pause()

    def on_event(self, event: Ticker | SymbolActivity, now: float) -> None:
        """Record a message about a symbol."""
        one = self._watched.get(event.symbol)
        if one is None:
            return
        if self._rejected:
            self._rejected.pop(event.symbol, None)
        messages = one.messages
        if messages.last is None or now - messages.last <= self._silent_after_s:
            # A ticker may stand for several trades.
            messages.record_together(now, 1 + event.merged if isinstance(event, Ticker) else 1)
        else:
            self._record(messages, now, self._message_limit_s(one))
        if isinstance(event, Ticker):
            price = event.price
            # A price that alternates between two values, as buyers and sellers take turns, does not move.
            if price not in one.last_prices:
                self._record_change(one.moves, now)
                one.last_prices = (price, one.last_prices[0])
            values = (price, event.bid, event.ask, event.volume_24h, event.sequence)
            if values != one.last_values:
                self._record_change(one.changes, now)
            one.last_values = values

    def _record_change(self, stats: IntervalStats, now: float) -> None:
        # A silence that is too short to be unusual, whatever the limit is.
        if stats.last is None or now - stats.last <= self._silent_after_s:
            stats.record(now)
        else:
            self._record(stats, now, self._limit_s(stats))

    def _record(self, stats: IntervalStats, now: float, limit_s: float) -> None:
        silence_s = 0.0 if stats.last is None else now - stats.last
        if silence_s > limit_s:
            stats.record_after_outage(now)
        else:
            stats.record(now)

    def on_rejected(self, symbol: Symbol, reason: str) -> None:
        """Record that the source does not push a symbol."""
        self._rejected[symbol] = f"refused: {reason}"

    def check(self, now: float) -> WatchdogReport:
        """Return the problems at `now`."""
        self._peers_s = self._find_peers_s()
        watched = [(symbol, one) for symbol, one in self._watched.items() if symbol not in self._rejected]
        for _, one in watched:
            found = self._find_problem(one, now)
            # The first text of a kind stays, because a counter of seconds would change the report each time.
            if found is None or one.problem is None or found.kind != one.problem.kind:
                one.problem = found
            one.is_resubscribed = one.is_resubscribed and one.problem is not None
        silent = {symbol: one.problem.text for symbol, one in watched if one.problem is not None}
        resubscribe = tuple(symbol for symbol in silent if self._mark_resubscribed(symbol))
        return WatchdogReport(silent | self._rejected, resubscribe, len(silent) > MOST * len(watched))

    def _mark_resubscribed(self, symbol: Symbol) -> bool:
        """Return whether to subscribe a symbol again: once for each time that it becomes silent."""
        one = self._watched[symbol]
        is_first, one.is_resubscribed = not one.is_resubscribed, True
        return is_first

    def _find_problem(self, one: _WatchedSymbol, now: float) -> _Problem | None:
        if one.messages.last is None:
            waited = now - one.expected_since
            is_late = waited > self._first_message_s
            return _Problem("first", f"no message within {waited:.0f} s of subscribing") if is_late else None
        if silence := self._unusual_silence(one.messages, now, self._message_limit_s(one)):
            return _Problem("silent", f"no message for {silence:.0f} s{_usual(one.messages)}")
        if silence := self._unusual_silence(one.changes, now, self._limit_s(one.changes)):
            return _Problem("repeats", f"frozen: the same for {silence:.0f} s{_usual(one.changes)}")
        is_active = one.moves.silence_limit_s is not None and one.moves.mean <= ACTIVE_PRICE_S
        if is_active and (silence := self._unusual_silence(one.moves, now, self._limit_s(one.moves))):
            return _Problem("stands", f"frozen: its price for {silence:.0f} s{_usual(one.moves)}")
        return None

    def _unusual_silence(self, stats: IntervalStats, now: float, limit_s: float) -> float:
        """Return the seconds of a silence that is unusual, else 0."""
        silence = 0.0 if stats.last is None else now - stats.last
        return silence if silence > limit_s else 0.0

    def _message_limit_s(self, one: _WatchedSymbol) -> float:
        """Return the limit of the silence of a symbol.

        Until its own intervals are known, those of the other symbols count, unless its own are longer.
        """
        return self._limit_s(one.messages, max(self._peers_s, one.messages.usual_limit_s))

    def _limit_s(self, stats: IntervalStats, unobserved_s: float | None = None) -> float:
        limit_s = stats.silence_limit_s
        if limit_s is None:
            longest_s = self._unobserved_s if unobserved_s is None else min(self._unobserved_s, unobserved_s)
            limit_s = stats.first_limit_s(longest_s)
        return max(self._silent_after_s, limit_s)

    def _find_peers_s(self) -> float:
        """Return the limit of a silence as the other symbols of the connection tell it."""
        steady = [one.messages.usual_limit_s for one in self._watched.values() if one.messages.is_steady]
        if len(steady) < MIN_PEERS:
            return self._unobserved_s
        return min(self._unobserved_s, TIMES_SLOWEST_PEER * max(steady))


def _usual(stats: IntervalStats) -> str:
    return f", usually one each {stats.mean:.1f} s" if stats.silence_limit_s is not None else ""
