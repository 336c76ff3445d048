"""Finds the way from asset to asset that the known rates allow. Reads memory and waits for nothing."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise

from gateway.catalog import InstrumentCatalog
from gateway.conversion.conversion import Conversion, Leg
from gateway.conversion.graph import AssetGraph, Route
from gateway.conversion.question import MAX_LEGS, ConversionQuestion
from gateway.freshness import Freshness, meets
from gateway.mirror import Mirror
from gateway.rate import OnStale, Rate
from gateway.rates import Demand, Rates
from rates.clock import Clock, format_span_ms
from rates.errors import NoConversionPath, NotTrading, RateNotSeen, RateStale, UnknownAsset
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey

# For so many sets of sources the graph is kept; each takes some milliseconds to make and about a megabyte for 2,000 symbols.
KEPT_GRAPHS = 16
_GRADES = {freshness: grade for grade, freshness in enumerate(Freshness, 1)}
MEETS = 0


class Converter:
    """All sources, most preferred first."""

    def __init__(
        self,
        rates: Rates,
        mirror: Mirror,
        catalog: InstrumentCatalog,
        *,
        preference: Sequence[Source],
        clock: Clock,
    ) -> None:
        self._rates = rates
        self._mirror = mirror
        self._catalog = catalog
        self._preference = tuple(preference)
        self._clock = clock
        self._kept = lru_cache(maxsize=KEPT_GRAPHS)(self._make_graph)

    def convert(self, question: ConversionQuestion) -> Conversion | None:
        """The answer over the first route all of whose rates meet the demand, else over the one that comes nearest to that.

        Raises:
            UnknownAsset, NotTrading, NoConversionPath: no symbol tracked from the sources asked leads there.
            RateNotSeen, RateStale: as the names say.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self._rates.check_loaded()
        graph = self._graph(question, pegs=question.stablecoins_as_usd)
        for asset in (question.start, question.end):
            if asset not in graph:
                raise self._unknown(asset, graph, question)
        legs: tuple[Leg, ...] = ()
        if question.start != question.end:
            legs = self._find_legs(graph, question)
            if late := _find_late(legs, question.demand):
                if question.demand.on_stale is OnStale.ERROR:
                    raise _stale(late, question.demand)
                if question.demand.on_stale is OnStale.NULL:
                    return None
        # A zero with a sign is a zero.
        return Conversion(question.amount.copy_abs(), question.start, question.end, legs)

    def _find_legs(self, graph: AssetGraph, question: ConversionQuestion) -> tuple[Leg, ...]:
        routes = graph.routes(question.start, question.end, question.max_legs)
        if not routes:
            raise self._no_path(graph, question)
        search = _Search(self._rates, self._mirror, graph, question.demand, self._clock())
        return search.find(routes)

    def _graph(self, question: ConversionQuestion, *, pegs: bool) -> AssetGraph:
        return self._kept(self._catalog.version, self._asked(question), pegs)

    def _make_graph(self, _version: str, sources: tuple[Source, ...], pegs: bool) -> AssetGraph:
        tracking: dict[Symbol, list[Source]] = {}
        for key in self._catalog.tracked:
            if key.source in sources:
                tracking.setdefault(key.symbol, []).append(key.source)
        for found in tracking.values():
            found.sort(key=sources.index)
        return AssetGraph(tracking, pegs=pegs)

    def _unknown(
        self, asset: str, graph: AssetGraph, question: ConversionQuestion
    ) -> NotTrading | UnknownAsset:
        """An asset without a symbol that is traded may have one that is not."""
        for key, instrument in self._catalog.halted.items():
            if asset in key.symbol and key.source in self._asked(question) and (halt := instrument.halt):
                return NotTrading(str(key.symbol), key.source.name, word=halt.word, since=halt.since)
        return UnknownAsset(asset, near=graph.near(asset))

    def _asked(self, question: ConversionQuestion) -> tuple[Source, ...]:
        """The sources whose rates may be used, most preferred first."""
        named = question.sources
        return (
            self._preference if named is None else tuple(each for each in self._preference if each in named)
        )

    def _no_path(self, graph: AssetGraph, question: ConversionQuestion) -> NoConversionPath:
        pegged = self._graph(question, pegs=True)
        return NoConversionPath(
            question.start,
            question.end,
            max_legs=question.max_legs,
            from_reaches=graph.reach(question.start),
            to_reached_from=graph.reach(question.end),
            legs_needed=graph.distance(question.start, question.end),
            pegs_would_help=bool(pegged.routes(question.start, question.end, MAX_LEGS)) and not graph.pegs,
        )


class _Search:
    """One question's look at the rates; each pair of neighbours is looked at once."""

    def __init__(
        self, rates: Rates, mirror: Mirror, graph: AssetGraph, demand: Demand, now: datetime
    ) -> None:
        self._rates = rates
        self._mirror = mirror
        self._graph = graph
        self._demand = demand
        self._now = now
        self._known: dict[tuple[str, str], Leg | None] = {}

    def find(self, routes: Sequence[Route]) -> tuple[Leg, ...]:
        """The legs of the first route that meets the demand; else of those with the best worst freshness the first.

        Raises:
            RateNotSeen: no route has a rate for each leg.
        """
        best: tuple[Leg, ...] | None = None
        best_grade = 0
        for route in routes:
            legs = self._walk(route)
            if legs is None:
                continue
            grade = max(self._grade(leg) for leg in legs)
            if grade == MEETS:
                return legs
            if best is None or grade < best_grade:
                best, best_grade = legs, grade
        if best is None:
            raise self._not_seen(routes[0])
        return best

    def _walk(self, route: Route) -> tuple[Leg, ...] | None:
        legs: list[Leg] = []
        for one, other in pairwise(route):
            leg = self._leg(one, other)
            if leg is None:
                return None
            legs.append(leg)
        return tuple(legs)

    def _leg(self, one: str, other: str) -> Leg | None:
        if (one, other) not in self._known:
            self._known[one, other] = self._look(one, other)
        return self._known[one, other]

    def _look(self, one: str, other: str) -> Leg | None:
        """As `rate` answers: the first by preference that meets the demand, else the one that has used up least of its time."""
        symbols = self._graph.symbols(one, other)
        if not symbols:
            return Leg(one, other, None)
        best: Rate | None = None
        for symbol in symbols:
            for source in self._graph.sources_by_symbol[symbol]:
                ticker = self._mirror.read(TickerKey(source, symbol))
                if ticker is None:
                    continue
                rate = self._rates.present_at(ticker, self._now)
                if _meets(rate, self._demand):
                    return Leg(one, other, rate)
                if best is None or rate.age / rate.ttl < best.age / best.ttl:
                    best = rate
        return None if best is None else Leg(one, other, best)

    def _grade(self, leg: Leg) -> int:
        """How bad it would be to go this way."""
        if leg.rate is None or _meets(leg.rate, self._demand):
            return MEETS
        return _GRADES[leg.rate.freshness]

    def _not_seen(self, route: Route) -> RateNotSeen:
        one, other = next(hop for hop in pairwise(route) if self._leg(*hop) is None)
        symbol = self._graph.symbols(one, other)[0]
        return RateNotSeen(
            str(symbol), ", ".join(each.name for each in self._graph.sources_by_symbol[symbol])
        )


def _meets(rate: Rate, demand: Demand) -> bool:
    return meets(rate.age, rate.ttl if demand.max_age is None else demand.max_age)


def _find_late(legs: Sequence[Leg], demand: Demand) -> Rate | None:
    """Of the rates that do not meet the demand the oldest."""
    late = [leg.rate for leg in legs if leg.rate and not _meets(leg.rate, demand)]
    return max(late, key=lambda rate: rate.age, default=None)


def _stale(rate: Rate, demand: Demand) -> RateStale:
    max_age = rate.ttl if demand.max_age is None else demand.max_age
    ticker = rate.ticker
    return RateStale(
        str(ticker.symbol), ticker.source.name, age_ms=rate.age_ms, max_age_ms=format_span_ms(max_age)
    )
