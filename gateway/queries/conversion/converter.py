"""Finds the way from asset to asset that the known rates allow. Reads memory and waits for nothing."""

from collections.abc import Sequence
from functools import lru_cache

from gateway.queries.conversion.conversion import Conversion, Leg
from gateway.queries.conversion.graph import AssetGraph
from gateway.queries.conversion.query import MAX_LEGS, ConversionQuery
from gateway.queries.conversion.route_finder import RouteFinder
from gateway.queries.rate import Rate
from gateway.queries.rate_reader import RateReader
from gateway.queries.rates_query import FreshnessPolicy, OnStale
from gateway.queries.unavailable import not_trading, too_old
from gateway.state.catalog import InstrumentCatalog
from gateway.state.mirror import Mirror
from rates.clock import Clock
from rates.errors import NoConversionPath, NotTrading, UnknownAsset
from rates.source import Source
from rates.symbol import Symbol

# For so many sets of sources the graph is kept; each takes some milliseconds to make and about a megabyte for 2,000 symbols.
KEPT_GRAPHS = 16


class Converter:
    """All sources, most preferred first."""

    def __init__(
        self,
        rates: RateReader,
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

    def convert(self, question: ConversionQuery) -> Conversion | None:
        """The answer over the first route all of whose rates meet the demand, else over the one that comes nearest to that.

        Raises:
            UnknownAsset, NotTrading, NoConversionPath: no symbol tracked from the sources asked leads there.
            RateStale: as the names say.
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
                    raise too_old(late, question.demand)
                if question.demand.on_stale is OnStale.NULL:
                    return None
        # A zero with a sign is a zero.
        return Conversion(question.amount.copy_abs(), question.start, question.end, legs)

    def _find_legs(self, graph: AssetGraph, question: ConversionQuery) -> tuple[Leg, ...]:
        routes = graph.routes(question.start, question.end, question.max_legs)
        if not routes:
            raise self._no_path(graph, question)
        search = RouteFinder(self._rates, self._mirror, graph, question.demand, self._clock())
        return search.find(routes)

    def _graph(self, question: ConversionQuery, *, pegs: bool) -> AssetGraph:
        return self._kept(self._catalog.version, self._asked(question), pegs)

    def _make_graph(self, _version: str, sources: tuple[Source, ...], pegs: bool) -> AssetGraph:
        tracking: dict[Symbol, list[Source]] = {}
        for key in self._catalog.tracked:
            if key.source in sources:
                tracking.setdefault(key.symbol, []).append(key.source)
        for found in tracking.values():
            found.sort(key=sources.index)
        return AssetGraph(tracking, pegs=pegs)

    def _unknown(self, asset: str, graph: AssetGraph, question: ConversionQuery) -> NotTrading | UnknownAsset:
        """An asset without a symbol that is traded may have one that is not."""
        for key, instrument in self._catalog.halted.items():
            if asset in key.symbol and key.source in self._asked(question):
                return not_trading(instrument)
        return UnknownAsset(asset, near=graph.near(asset))

    def _asked(self, question: ConversionQuery) -> tuple[Source, ...]:
        """The sources whose rates may be used, most preferred first."""
        named = question.sources
        return (
            self._preference if named is None else tuple(each for each in self._preference if each in named)
        )

    def _no_path(self, graph: AssetGraph, question: ConversionQuery) -> NoConversionPath:
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


def _find_late(legs: Sequence[Leg], demand: FreshnessPolicy) -> Rate | None:
    """Of the rates that do not meet the demand the oldest."""
    late = [leg.rate for leg in legs if leg.rate and not demand.is_met_by(leg.rate)]
    return max(late, key=lambda rate: rate.age, default=None)
