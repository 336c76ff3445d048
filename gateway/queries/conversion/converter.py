"""Converts amounts along routes of tracked symbols. Reads memory only and never waits."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise

from gateway.cache_limits import MAX_ASSET_GRAPHS
from gateway.queries.conversion.conversion import Conversion
from gateway.queries.conversion.conversions_query import (
    ConversionList,
    ConversionsQuery,
    UnavailableConversion,
)
from gateway.queries.conversion.found_route import FoundRoute, answer_with, to_conversion
from gateway.queries.conversion.graph import AssetGraph, Route
from gateway.queries.conversion.query import MAX_LEGS, ConversionQuery, find_invalid_amount
from gateway.queries.conversion.route_finder import RouteFinder, TickerLookup
from gateway.queries.rate_reader import RateReader
from gateway.queries.unavailable import withdrawn
from gateway.state.catalog import InstrumentCatalog
from gateway.state.mirror import Mirror
from instruments.instrument import Instrument
from rates.clock import Clock
from rates.errors import (
    NoConversionPath,
    RateNotSeen,
    RatesError,
    RateUnavailable,
    SuspectIdentity,
    UnknownAsset,
)
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey


class Converter:
    """Answers conversion queries. `preference` lists all sources, most preferred first."""

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
        self._cached = lru_cache(maxsize=MAX_ASSET_GRAPHS)(self._make_graph)

    def convert(self, query: ConversionQuery) -> Conversion | None:
        """Convert along the first route that satisfies the policy, else along the freshest.

        Raises:
            UnknownAsset, NotTrading, NoConversionPath: no tracked symbol of the sources leads there.
            RateStale: with `OnStale.ERROR`, a rate on the route fails the policy.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self._rates.check_loaded()
        return to_conversion(query, self.find_route(query, suggests=True))

    def list_keys(self, query: ConversionQuery) -> list[TickerKey]:
        """Return the instruments on all routes that are examined, those of the first route first.

        Raises:
            UnknownAsset, NotTrading, NoConversionPath: no tracked symbol of the sources leads there.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self._rates.check_loaded()
        graph, routes = self._find_routes(query, suggests=True)
        keys = (
            TickerKey(source, symbol)
            for route in routes
            for hop in pairwise(route)
            for symbol in graph.symbols(*hop)
            for source in graph.sources_by_symbol[symbol]
        )
        return list(dict.fromkeys(keys))

    def conversions(self, query: ConversionsQuery) -> ConversionList:
        """Convert each amount; those without an answer are in `unavailable`, with the error.

        Unknown assets come without similar ones: finding them takes a millisecond each.

        Raises:
            RateStale: with `OnStale.ERROR`, a rate on a route fails the policy.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self._rates.check_loaded()
        now = self._clock()
        items: list[Conversion] = []
        missing: list[UnavailableConversion] = []
        for each in query.queries:
            found = self.answer(each, now)
            if isinstance(found, Conversion):
                items.append(found)
            else:
                missing.append(found)
        return ConversionList(tuple(items), tuple(missing), now)

    def answer(self, query: ConversionQuery, now: datetime) -> Conversion | UnavailableConversion:
        """The conversion at a moment, or why there is none.

        Raises:
            RateStale: with `OnStale.ERROR`, a rate on the route fails the policy.
        """
        if (error := find_invalid_amount(query)) is not None:
            return UnavailableConversion.of(query, error)
        return answer_with(query, self.find_route(query, now))

    def check(self, query: ConversionQuery) -> None:
        """Raise what no new rate can change.

        Raises:
            UnknownAsset, NotTrading, NoConversionPath: no tracked symbol of the sources leads there.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self._rates.check_loaded()
        self._find_routes(query, suggests=True)

    def find_route(
        self,
        query: ConversionQuery,
        now: datetime | None = None,
        *,
        tickers: TickerLookup | None = None,
        suggests: bool = False,
    ) -> FoundRoute:
        """The route at a moment, by default the present one, or the error in its place.

        `tickers`: those of that moment. With `suggests`, an unknown asset comes with similar ones.
        """
        now = now or self._clock()
        try:
            graph, routes = self._find_routes(query, suggests=suggests)
        except (UnknownAsset, RateUnavailable, NoConversionPath) as exc:
            return FoundRoute(now, error=exc.with_traceback(None))
        if not routes:
            return FoundRoute(now)
        finder = RouteFinder(self._rates, tickers or self._mirror, graph, query.policy, now)
        try:
            return FoundRoute(now, finder.find(routes), finder=finder)
        except (RateNotSeen, SuspectIdentity) as exc:
            return FoundRoute(now, error=exc.with_traceback(None), finder=finder)

    def _find_routes(self, query: ConversionQuery, *, suggests: bool) -> tuple[AssetGraph, Sequence[Route]]:
        """Return the graph and the routes to examine: none from an asset to itself."""
        graph = self._graph(query, pegs=query.stablecoins_as_usd)
        for asset in (query.start, query.end):
            if asset not in graph:
                raise self._unknown(asset, graph, query, suggests=suggests)
        if query.start == query.end:
            return graph, ()
        routes = graph.routes(query.start, query.end, query.max_legs)
        if not routes:
            raise self._no_path(graph, query)
        return graph, routes

    def _graph(self, query: ConversionQuery, *, pegs: bool) -> AssetGraph:
        return self._cached(self._catalog.revision, self._asked(query), pegs)

    def _make_graph(self, _revision: int, sources: tuple[Source, ...], pegs: bool) -> AssetGraph:
        tracking: dict[Symbol, list[Source]] = {}
        for key in self._usable(sources):
            tracking.setdefault(key.symbol, []).append(key.source)
        for found in tracking.values():
            found.sort(key=sources.index)
        return AssetGraph(tracking, pegs=pegs)

    def _usable(self, sources: tuple[Source, ...]) -> Iterator[TickerKey]:
        """Yield the instruments whose codes mean one asset each, so that they can be connected.

        A code that nobody has reviewed stands for what the most preferred of its sources means by it.
        """
        tracked = {key: each for key, each in self._catalog.tracked.items() if key.source in sources}
        reviewed = {key for key in tracked if key.source in self._catalog.merged_sources(key.symbol)}
        reviewed_codes = {code for key in reviewed for code in key.symbol}
        meant_by: dict[str, Source] = {}
        for key in sorted(tracked, key=lambda key: sources.index(key.source)):
            for code in _unreviewed_codes(tracked[key]):
                meant_by.setdefault(code, key.source)
        for key, instrument in tracked.items():
            codes = _unreviewed_codes(instrument)
            is_alone = bool(codes) and all(
                code not in reviewed_codes and meant_by[code] is key.source for code in codes
            )
            if key in reviewed or is_alone:
                yield key

    def _unknown(
        self, asset: str, graph: AssetGraph, query: ConversionQuery, *, suggests: bool
    ) -> RatesError:
        """Explain an asset that no traded symbol has: it may be halted or unknown."""
        for key, instrument in self._catalog.halted.items():
            if asset in key.symbol and key.source in self._asked(query):
                return withdrawn(instrument)
        elsewhere = {key.source for key in self._catalog.tracked if asset in key.symbol}
        return UnknownAsset(
            asset,
            near=graph.suggest(asset) if suggests and not elsewhere else (),
            asked=() if query.sources is None else [each.name for each in self._asked(query)],
            sources=[each.name for each in self._preference if each in elsewhere],
        )

    def _asked(self, query: ConversionQuery) -> tuple[Source, ...]:
        """Return the sources whose rates may be used, most preferred first."""
        named = query.sources
        return (
            self._preference if named is None else tuple(each for each in self._preference if each in named)
        )

    def _no_path(self, graph: AssetGraph, query: ConversionQuery) -> NoConversionPath:
        pegged = self._graph(query, pegs=True)
        return NoConversionPath(
            query.start,
            query.end,
            max_legs=query.max_legs,
            from_reaches=graph.reach(query.start),
            to_reached_from=graph.reach(query.end),
            legs_needed=graph.distance(query.start, query.end),
            pegs_would_help=bool(pegged.routes(query.start, query.end, MAX_LEGS)) and not graph.pegs,
        )


def _unreviewed_codes(instrument: Instrument) -> list[str]:
    assets = (instrument.base_asset, instrument.quote_asset)
    return [code for code, asset in zip(instrument.symbol, assets, strict=True) if asset is None]
