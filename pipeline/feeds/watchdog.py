"""Tells a quiet market from a dead channel, symbol by symbol, by what each one usually does. Pure; times are steady seconds."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.feeds.ports import Pulse
from pipeline.feeds.rhythm import Rhythm
from rates.symbol import Symbol
from rates.ticker import Ticker

# Without experience nobody can say what is unusual: so many times longer than for others, then it is told all the same.
INEXPERIENCED = 10
# Prices rest longer than messages do.
FROZEN_TIMES = 2
# When more than this share of a connection's symbols is silent, it is the connection.
MOST = 0.5


@dataclass(slots=True)
class _Watched:
    """`life`: any message; `news`: one that says something else than the last. `flag`: what people are told."""

    expected_since: float
    life: Rhythm = field(default_factory=Rhythm)
    news: Rhythm = field(default_factory=Rhythm)
    told: tuple[object, ...] | None = None
    flag: str | None = None
    renewed: bool = False


@dataclass(frozen=True)
class Findings:
    """`silent`: symbol → what is wrong, for people. `renew`: to be subscribed once more. `is_dead`: it is no single symbol."""

    silent: dict[Symbol, str]
    renew: tuple[Symbol, ...]
    is_dead: bool


class Watchdog:
    """Of one connection's symbols, through all its successors.

    `silent_after_s`: no symbol is called silent sooner, whatever its rhythm. `first_message_s`: how long a symbol may be
    without any message from the moment it is subscribed.
    """

    def __init__(self, *, silent_after_s: float, first_message_s: float) -> None:
        self._silent_after = silent_after_s
        self._first_message = first_message_s
        self._watched: dict[Symbol, _Watched] = {}
        self._refused: dict[Symbol, str] = {}

    def track(self, symbols: Iterable[Symbol], now: float) -> None:
        """From now on exactly these are expected."""
        before = self._watched
        self._watched = {symbol: before.get(symbol) or _Watched(now) for symbol in symbols}
        self._refused = {symbol: said for symbol, said in self._refused.items() if symbol in self._watched}

    def interrupt(self, now: float) -> None:
        """The connection was lost: whatever comes next comes from a new one, and all may be refused or not anew."""
        self._refused.clear()
        for one in self._watched.values():
            one.expected_since, one.renewed = now, False
            one.life.interrupt()
            one.news.interrupt()

    def hear(self, event: Ticker | Pulse, now: float) -> None:
        """A message about a symbol."""
        one = self._watched.get(event.symbol)
        if one is None:
            return
        self._refused.pop(event.symbol, None)
        one.life.beat(now)
        if isinstance(event, Ticker):
            told = (event.price, event.bid, event.ask, event.volume_24h, event.sequence)
            if told != one.told:
                one.told = told
                one.news.beat(now)

    def refuse(self, symbol: Symbol, said: str) -> None:
        """The source will not push it."""
        self._refused[symbol] = f"refused: {said}"

    def look(self, now: float) -> Findings:
        """What is wrong at `now`."""
        heeded = [(symbol, one) for symbol, one in self._watched.items() if symbol not in self._refused]
        for _, one in heeded:
            why = self._why(one, now)
            # The first wording stays: seconds that count up would be news each time.
            one.flag = None if why is None else one.flag or why
            one.renewed = one.renewed and one.flag is not None
        silent = {symbol: one.flag for symbol, one in heeded if one.flag is not None}
        renew = tuple(symbol for symbol in silent if self._renew(symbol))
        return Findings(silent | self._refused, renew, len(silent) > MOST * len(heeded))

    def _renew(self, symbol: Symbol) -> bool:
        """Once for each time that it falls silent."""
        first, self._watched[symbol].renewed = not self._watched[symbol].renewed, True
        return first

    def _why(self, one: _Watched, now: float) -> str | None:
        if one.life.last is None:
            waited = now - one.expected_since
            return (
                None if waited <= self._first_message else f"no message within {waited:.0f} s of subscribing"
            )
        silence, limit = now - one.life.last, self._limit(one.life)
        if silence > limit:
            return f"no message for {silence:.0f} s{_usual(one.life)}"
        if one.news.last is None:
            return None
        silence, limit = now - one.news.last, FROZEN_TIMES * self._limit(one.news)
        return f"frozen: the same for {silence:.0f} s{_usual(one.news)}" if silence > limit else None

    def _limit(self, rhythm: Rhythm) -> float:
        patience = rhythm.patience
        return INEXPERIENCED * self._silent_after if patience is None else max(self._silent_after, patience)


def _usual(rhythm: Rhythm) -> str:
    return f", usually one each {rhythm.mean:.1f} s" if rhythm.patience is not None else ""
