"""Tells a quiet market from a dead channel, symbol by symbol, by what each one usually does. Pure; times are steady seconds."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from pipeline.feeds.interval_stats import IntervalStats
from pipeline.feeds.protocol import SymbolActivity
from rates.symbol import Symbol
from rates.ticker import Ticker

# Without experience nobody can say what is unusual: so many times the shortest silence that counts make one, and until then a
# symbol has so long.
INEXPERIENCED = 10
# A price that usually moves within this time has stopped when it does not, although it is traded; a stable coin's has not.
LIVELY_S = 5.0
# When more than this share of a connection's symbols is silent, it is the connection.
MOST = 0.5


class _Fault(NamedTuple):
    """What is wrong with a symbol: of which kind, and in words."""

    kind: str
    words: str


@dataclass(slots=True)
class _WatchedSymbol:
    """`life`: any message; `news`: one that says something else than the last, as in `told`; `moves`: of the price, to
    where it was not just before (`places`).
    """

    expected_since: float
    life: IntervalStats
    news: IntervalStats
    moves: IntervalStats
    places: tuple[Decimal | None, Decimal | None] = (None, None)
    told: tuple[object, ...] = ()
    trouble: _Fault | None = None
    renewed: bool = False


@dataclass(frozen=True)
class WatchdogReport:
    """`silent`: symbol → what is wrong, for people. `renew`: to be subscribed once more. `is_dead`: it is no single symbol."""

    silent: dict[Symbol, str]
    resubscribe: tuple[Symbol, ...]
    is_dead: bool


class Watchdog:
    """Of one connection's symbols, through all its successors.

    `silent_after_s`: no symbol is called silent sooner, whatever its rhythm. `first_message_s`: how long a symbol may be
    without any message from the moment it is subscribed.
    """

    def __init__(self, *, silent_after_s: float, first_message_s: float) -> None:
        self._silent_after = silent_after_s
        self._first_message = first_message_s
        self._watched: dict[Symbol, _WatchedSymbol] = {}
        self._refused: dict[Symbol, str] = {}

    def track(self, symbols: Iterable[Symbol], now: float) -> None:
        """From now on exactly these are expected."""
        before = self._watched
        self._watched = {symbol: before.get(symbol) or self._watch(now) for symbol in symbols}
        self._refused = {symbol: said for symbol, said in self._refused.items() if symbol in self._watched}

    def _watch(self, now: float) -> _WatchedSymbol:
        life, news, moves = (IntervalStats(INEXPERIENCED * self._silent_after) for _ in range(3))
        return _WatchedSymbol(now, life, news, moves)

    def interrupt(self, now: float) -> None:
        """The connection was lost: whatever comes next comes from a new one, and all may be refused or not anew."""
        self._refused.clear()
        for one in self._watched.values():
            one.expected_since, one.renewed = now, False
            one.life.interrupt()
            one.news.interrupt()
            one.moves.interrupt()

    def on_event(self, event: Ticker | SymbolActivity, now: float) -> None:
        """A message about a symbol."""
        one = self._watched.get(event.symbol)
        if one is None:
            return
        self._refused.pop(event.symbol, None)
        one.life.beat(now)
        if isinstance(event, Ticker):
            # Back and forth between two prices, as buyers and sellers take turns, it stands still.
            if event.price not in one.places:
                one.moves.beat(now)
                one.places = (event.price, one.places[0])
            told = (event.price, event.bid, event.ask, event.volume_24h, event.sequence)
            if told != one.told:
                one.news.beat(now)
            one.told = told

    def refuse(self, symbol: Symbol, said: str) -> None:
        """The source will not push it."""
        self._refused[symbol] = f"refused: {said}"

    def check(self, now: float) -> WatchdogReport:
        """What is wrong at `now`."""
        heeded = [(symbol, one) for symbol, one in self._watched.items() if symbol not in self._refused]
        for _, one in heeded:
            found = self._find_trouble(one, now)
            # The first wording of a kind stays: seconds that count up would be news each time.
            if found is None or one.trouble is None or found.kind != one.trouble.kind:
                one.trouble = found
            one.renewed = one.renewed and one.trouble is not None
        silent = {symbol: one.trouble.words for symbol, one in heeded if one.trouble is not None}
        resubscribe = tuple(symbol for symbol in silent if self._resubscribe(symbol))
        return WatchdogReport(silent | self._refused, resubscribe, len(silent) > MOST * len(heeded))

    def _resubscribe(self, symbol: Symbol) -> bool:
        """Once for each time that it falls silent."""
        first, self._watched[symbol].renewed = not self._watched[symbol].renewed, True
        return first

    def _find_trouble(self, one: _WatchedSymbol, now: float) -> _Fault | None:
        if one.life.last is None:
            waited = now - one.expected_since
            is_late = waited > self._first_message
            return _Fault("first", f"no message within {waited:.0f} s of subscribing") if is_late else None
        if silence := self._overdue(one.life, now):
            return _Fault("silent", f"no message for {silence:.0f} s{_usual(one.life)}")
        if silence := self._overdue(one.news, now):
            return _Fault("repeats", f"frozen: the same for {silence:.0f} s{_usual(one.news)}")
        is_lively = one.moves.patience is not None and one.moves.mean <= LIVELY_S
        if is_lively and (silence := self._overdue(one.moves, now)):
            return _Fault("stands", f"frozen: its price for {silence:.0f} s{_usual(one.moves)}")
        return None

    def _overdue(self, rhythm: IntervalStats, now: float) -> float:
        """Seconds of a silence that is unusual; 0 where it is not."""
        silence = 0.0 if rhythm.last is None else now - rhythm.last
        return silence if silence > self._limit(rhythm) else 0.0

    def _limit(self, rhythm: IntervalStats) -> float:
        patience = rhythm.patience
        return INEXPERIENCED * self._silent_after if patience is None else max(self._silent_after, patience)


def _usual(rhythm: IntervalStats) -> str:
    return f", usually one each {rhythm.mean:.1f} s" if rhythm.patience is not None else ""
