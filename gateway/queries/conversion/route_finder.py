"""Choose the rates of one conversion among possible routes.

Reads each pair of neighbours once.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, pairwise
from typing import Protocol

from gateway.queries.changes import change_times, overtake_times
from gateway.queries.conversion.conversion import Leg
from gateway.queries.conversion.graph import AssetGraph, Route
from gateway.queries.freshness import Freshness, worst
from gateway.queries.rate import Rate
from gateway.queries.rate_reader import RateReader
from gateway.queries.rates_query import FreshnessPolicy, pick_rate
from rates.errors import RateNotSeen, SuspectIdentity
from rates.symbol import Symbol
from rates.ticker import Ticker, TickerKey


class TickerLookup(Protocol):
    """The tickers of one moment."""

    def read(self, key: TickerKey, /) -> Ticker | None:
        """Return the ticker of an instrument; `None` without one."""
        ...


class RouteFinder:
    """Searches routes at one moment under one freshness policy."""

    def __init__(
        self,
        rates: RateReader,
        tickers: TickerLookup,
        graph: AssetGraph,
        policy: FreshnessPolicy,
        now: datetime,
    ) -> None:
        self._rates = rates
        self._tickers = tickers
        self._graph = graph
        self._policy = policy
        self._now = now
        self._known: dict[tuple[str, str], Leg | None] = {}
        self._rates_read: list[Rate] = []
        self._overtake_times: list[datetime] = []
        self._suspects: dict[TickerKey, str] = {}

    def find(self, routes: Sequence[Route]) -> tuple[Leg, ...]:
        """Return the legs of the first route that satisfies the policy, else of the freshest route.

        Raises:
            RateNotSeen: no route has a rate for each leg.
            SuspectIdentity: the only rates of a leg may be of different assets.
        """
        late: list[tuple[Freshness, tuple[Leg, ...]]] = []
        for route in routes:
            legs = self._read_legs(route)
            if legs is None:
                continue
            rates = [leg.rate for leg in legs if leg.rate]
            if all(map(self._policy.allows, rates)):
                return legs
            late.append((worst(rate.freshness for rate in rates) or Freshness.FRESH, legs))
        if not late:
            raise self._not_seen(routes[0])
        return min(late, key=lambda each: each[0].severity)[1]

    @property
    def symbols(self) -> frozenset[Symbol]:
        """The symbols whose rates have decided: no other ticker changes the result."""
        return frozenset(symbol for hop in self._known for symbol in self._graph.symbols(*hop))

    @property
    def next_change_at(self) -> datetime | None:
        """When time alone may change the result; `None` for never."""
        policy = self._policy
        times = (
            moment
            for rate in self._rates_read
            for moment in change_times(rate, policy.max_age, policy.max_trade_age)
        )
        return min(chain(times, self._overtake_times), default=None)

    def _read_legs(self, route: Route) -> tuple[Leg, ...] | None:
        legs: list[Leg] = []
        for one, other in pairwise(route):
            leg = self._leg(one, other)
            if leg is None:
                return None
            legs.append(leg)
        return tuple(legs)

    def _leg(self, one: str, other: str) -> Leg | None:
        if (one, other) not in self._known:
            self._known[one, other] = self._read_leg(one, other)
        return self._known[one, other]

    def _read_leg(self, one: str, other: str) -> Leg | None:
        """Return the leg between two assets with the first usable rate by preference."""
        symbols = self._graph.symbols(one, other)
        if not symbols:
            return Leg(one, other, None)
        usable = list(self._read(symbols))
        best = pick_rate(usable, self._policy)
        if best is not None and len(usable) > 1 and not self._policy.allows(best):
            self._overtake_times += overtake_times(best, [rate for rate in usable if rate is not best])
        return None if best is None else Leg(one, other, best)

    def _read(self, symbols: Iterable[Symbol]) -> Iterator[Rate]:
        for symbol in symbols:
            keys = [TickerKey(source, symbol) for source in self._graph.sources_by_symbol[symbol]]
            tickers = [ticker for key in keys if (ticker := self._tickers.read(key))]
            rates = self._rates.to_rates(tickers, self._now)
            self._rates_read += rates
            suspects = self._rates.find_suspects(rates) if len(rates) > 1 else {}
            self._suspects |= {TickerKey(source, symbol): detail for source, detail in suspects.items()}
            usable = [rate for rate in rates if rate.ticker.source not in suspects]
            yield from (rate for rate in usable if self._rates.is_near(rate.ticker, usable[0].ticker))

    def _not_seen(self, route: Route) -> RateNotSeen | SuspectIdentity:
        one, other = next(hop for hop in pairwise(route) if self._leg(*hop) is None)
        symbols = self._graph.symbols(one, other)
        for key, detail in self._suspects.items():
            if key.symbol in symbols:
                return SuspectIdentity(str(key.symbol), key.source.name, detail=detail, since=self._now)
        symbol = symbols[0]
        return RateNotSeen(
            str(symbol), ", ".join(each.name for each in self._graph.sources_by_symbol[symbol])
        )
