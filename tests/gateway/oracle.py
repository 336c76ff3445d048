"""A naive simulation of the events of `rates`, step by step, written from the contract."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from gateway.queries.rates_query import RatesQuery
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker, TickerKey
from tests.gateway.fakes import NOON
from tests.gateway.harness import TTL, Entry

ROUNDING = 0.000_005


@dataclass(frozen=True)
class ClientOptions:
    """The options and the reading of a client, in seconds.

    `delays_s` are the delays between an event and the next request, repeated.
    """

    interval_s: float
    bps: int
    silence_s: float
    delays_s: tuple[float, ...]


@dataclass
class Told:
    """One event after the first snapshot; a HEARTBEAT if it has no items and no retractions."""

    at: float
    items: dict[TickerKey, Ticker] = field(default_factory=dict)
    retracted: set[TickerKey] = field(default_factory=set)
    conflated: int = 0


def is_wanted(key: TickerKey, query: RatesQuery) -> bool:
    return (query.symbols is None or key.symbol in query.symbols) and (
        query.sources is None or key.source in query.sources
    )


def unavailable(
    query: RatesQuery, tracked: frozenset[TickerKey], values: Mapping[TickerKey, Ticker]
) -> set[tuple[Symbol, Source | None]]:
    """Everything asked for that is not answered."""
    missing: set[tuple[Symbol, Source | None]] = {
        (key.symbol, key.source) for key in tracked if is_wanted(key, query) and key not in values
    }
    for symbol in query.symbols or ():
        asked = tuple(Source) if query.sources is None else tuple(dict.fromkeys(query.sources))
        untracked = [source for source in asked if TickerKey(source, symbol) not in tracked]
        if len(untracked) == len(asked):
            missing.add((symbol, None))
        elif query.sources is not None:
            missing |= {(symbol, source) for source in untracked}
    return missing


def looks_worse(held: Ticker, newer: Ticker, now: float) -> bool:
    """Tell whether the sent rate looks less fresh within a quarter of its TTL than the new one."""
    ttl = TTL[held.source]
    return _grade(held, now, ttl / 4) > _grade(newer, now, timedelta(0))


def _grade(ticker: Ticker, now: float, ahead: timedelta) -> int:
    age = max(timedelta(0), _moment(now) - ticker.observed_at) + ahead
    return sum(age > TTL[ticker.source] * ttls for ttls in (1, 10))


def _moment(now: float) -> datetime:
    return NOON + timedelta(microseconds=round(now * 1_000_000))


class _Reader:
    """The state of one client during the simulation."""

    def __init__(self, query: RatesQuery, client: ClientOptions, held: Mapping[TickerKey, Ticker]) -> None:
        self.query, self.client = query, client
        self.held = dict(held) if client.bps else {}
        self.pending: dict[TickerKey, Ticker] = {}
        self.withheld: dict[TickerKey, Ticker] = {}
        self.retracted: set[TickerKey] = set()
        self.conflated = 0

    def hear(self, entry: Entry, now: float) -> None:
        if not is_wanted(entry.key, self.query):
            return
        replaced = self.pending.pop(entry.key, None)
        self.withheld.pop(entry.key, None)
        self.retracted.discard(entry.key)
        if entry.ticker is None:
            self.held.pop(entry.key, None)
            self.retracted.add(entry.key)
            return
        self.conflated += replaced is not None
        self.withheld[entry.key] = entry.ticker
        self.consider(entry.key, now)

    def consider(self, key: TickerKey, now: float) -> None:
        """Make withheld rates pending once their change is large enough."""
        ticker, held = self.withheld[key], self.held.get(key)
        moved = held is None or abs(ticker.price / held.price - 1) >= Decimal(self.client.bps) / 10_000
        if moved or (held is not None and looks_worse(held, ticker, now)):
            self.pending[key] = self.withheld.pop(key)

    def notices(self) -> Iterator[float]:
        """When something withheld may become worth telling."""
        for key in self.withheld:
            observed = (self.held[key].observed_at - NOON).total_seconds()
            for ttls in (0.75, 9.75):
                yield observed + TTL[key.source].total_seconds() * ttls + 0.000_001

    def take(self, now: float) -> Told:
        told = Told(now, self.pending, self.retracted, self.conflated)
        if self.client.bps:
            self.held |= self.pending
        self.pending, self.retracted, self.conflated = {}, set(), 0
        return told


def simulate(
    log: Sequence[Entry],
    query: RatesQuery,
    client: ClientOptions,
    *,
    began: float,
    held: Mapping[TickerKey, Ticker],
    until: float,
) -> Iterator[Told]:
    """All events after the snapshot told at `began`, for a reader that stays until the end."""
    reader = _Reader(query, client, held)
    entries = [entry for entry in log if entry.at > began]
    now = updated = spoke = began
    number = 0
    asked = began + client.delays_s[0]
    while True:
        instants = [asked, updated + client.interval_s, spoke + client.silence_s, *reader.notices()]
        instants += [entry.at for entry in entries[:1]]
        # Rounding must not have the same instant come twice.
        now = min((at for at in instants if at > now + ROUNDING), default=until)
        if now >= until:
            return
        while entries and entries[0].at <= now + ROUNDING:
            reader.hear(entries.pop(0), now)
        if now < asked - ROUNDING:
            continue
        while True:
            for key in list(reader.withheld):
                reader.consider(key, now)
            if (reader.pending or reader.retracted) and now >= updated + client.interval_s - ROUNDING:
                yield reader.take(now)
                updated = spoke = now
            elif now >= spoke + client.silence_s - ROUNDING:
                yield Told(now)
                spoke = now
            else:
                break
            number += 1
            asked = now + client.delays_s[number % len(client.delays_s)]
            if asked > now + ROUNDING:
                break
