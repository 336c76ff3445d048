"""The graph of assets and the tracked symbols that connect them.

Holds no rates; built once per set of instruments.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from heapq import nsmallest
from itertools import pairwise, permutations

from gateway.cache_limits import MAX_CACHED_ROUTES
from gateway.queries.conversion.assets import DOLLAR, HUBS, STABLECOINS
from gateway.state.spelling import SpellingIndex
from rates.source import Source
from rates.symbol import MAX_ASSET_LENGTH, Symbol

# Routes considered per length, best hubs first. Two hubs are connected over almost every asset; searching all of these
# for one usable route would cost every client's time.
MAX_ROUTES = 64
NEAR_MATCHES = 3
MAX_NAMED = 10
_UNRANKED = len(HUBS)

Route = tuple[str, ...]
Rank = tuple[int, int, str]


class AssetGraph:
    """Assets and the symbols between them.

    With `pegs`, the dollar and all stablecoins are connected without a market.
    """

    def __init__(self, sources_by_symbol: Mapping[Symbol, Sequence[Source]], *, pegs: bool) -> None:
        self.sources_by_symbol = sources_by_symbol
        self.pegs = pegs
        self._links: dict[str, dict[str, tuple[Symbol, ...]]] = {}
        # Sorted, so that the result does not depend on the order in which instruments were added.
        for symbol in sorted(sources_by_symbol):
            self._link(symbol.base, symbol.quote, symbol)
        dollars = {DOLLAR, *(STABLECOINS & self._links.keys())} if pegs else ()
        for one, other in permutations(dollars, 2):
            self._links.setdefault(one, {})[other] = ()
        self._ranks = {asset: _rank(asset, links) for asset, links in self._links.items()}
        self._spellings = SpellingIndex(self._links)
        self._cached = lru_cache(maxsize=MAX_CACHED_ROUTES)(self._list_routes)

    def __contains__(self, asset: str) -> bool:
        return asset in self._links

    def suggest(self, asset: str) -> list[str]:
        """Return the known assets closest in spelling, best first, ignoring case.

        A text too long for an asset has no suggestions.
        """
        if len(asset) > MAX_ASSET_LENGTH:
            return []
        return self._spellings.find_similar(asset.upper(), count=NEAR_MATCHES, cutoff=0.6)

    def symbols(self, one: str, other: str) -> tuple[Symbol, ...]:
        """Return the symbols between two neighbours; none where one is a peg of the other."""
        return self._links[one][other]

    def routes(self, start: str, end: str, max_legs: int) -> tuple[Route, ...]:
        """Return the routes between two different assets.

        Fewest legs first, then fewest pegs, then best hubs.
        """
        return self._cached(start, end, max_legs)

    def reach(self, asset: str) -> list[str]:
        """Return up to ten neighbours of an asset, best hubs first."""
        return nsmallest(MAX_NAMED, self._links[asset], key=self._ranks.__getitem__)

    def distance(self, start: str, end: str) -> int | None:
        """Return the smallest number of legs between two assets, without a limit.

        `None` where no route exists.
        """
        legs = {start: 0}
        ahead = deque([start])
        while ahead:
            asset = ahead.popleft()
            if asset == end:
                return legs[asset]
            for neighbour in self._links[asset]:
                if neighbour not in legs:
                    legs[neighbour] = legs[asset] + 1
                    ahead.append(neighbour)
        return None

    def _link(self, one: str, other: str, symbol: Symbol) -> None:
        if one == other:
            return
        for here, there in ((one, other), (other, one)):
            links = self._links.setdefault(here, {})
            links[there] = (*links.get(there, ()), symbol)

    def _list_routes(self, start: str, end: str, max_legs: int) -> tuple[Route, ...]:
        found: list[Route] = []
        for legs, list_middles in enumerate((self._no_middles, self._middles, self._pairs_of_middles), 1):
            if legs <= max_legs:
                routes = ((start, *middles, end) for middles in list_middles(start, end))
                found += nsmallest(MAX_ROUTES, routes, key=self._order)
        return tuple(found)

    def _no_middles(self, start: str, end: str) -> Iterable[Route]:
        return [()] if end in self._links[start] else []

    def _middles(self, start: str, end: str) -> Iterable[Route]:
        return [(asset,) for asset in self._links[start].keys() & self._links[end].keys()]

    def _pairs_of_middles(self, start: str, end: str) -> Iterable[Route]:
        last = self._links[end].keys() - {start}
        for first in self._links[start].keys() - {end}:
            for second in self._links[first].keys() & last:
                yield first, second

    def _order(self, route: Route) -> tuple[int, tuple[Rank, ...], Route]:
        pegs = sum(not self._links[one][other] for one, other in pairwise(route))
        ranks = tuple(sorted((self._ranks[asset] for asset in route[1:-1]), reverse=True))
        return pegs, ranks, route


def _rank(asset: str, links: Mapping[str, object]) -> Rank:
    """Sort hubs in their order, then by number of neighbours, then by name."""
    return (HUBS.index(asset) if asset in HUBS else _UNRANKED, -len(links), asset)
