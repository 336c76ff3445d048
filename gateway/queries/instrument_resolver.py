"""The instruments that a query means, and the reasons why others have no rate.

Knows the catalog only, and no rates.
"""

from collections.abc import Iterable, Sequence

from gateway.queries import unavailable
from gateway.queries.rate import UnavailableRate
from gateway.queries.rates_query import RatesQuery
from gateway.state.catalog import InstrumentCatalog
from instruments.instrument import Instrument
from rates.errors import UnknownSymbol
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey


class InstrumentResolver:
    """Finds the instruments of queries. `preference` lists all sources, most preferred first."""

    def __init__(self, catalog: InstrumentCatalog, preference: Sequence[Source]) -> None:
        self._catalog = catalog
        self._preference = tuple(preference)

    def sources_for(self, symbol: Symbol, source: Source | None) -> list[Source]:
        """Return the sources that may answer for the symbol, most preferred first.

        Without `source` these are the sources that mean the same reviewed asset by it, or only the most preferred one where
        nobody has reviewed it.

        Raises:
            UnknownSymbol: no source tracks it.
            NotTrading, SuspectIdentity: no source that tracks it trades it, or is known to mean the same asset.
        """
        asked = self._preference if source is None else (source,)
        tracking = self._catalog.sources_of(symbol)
        if found := list(filter(tracking.__contains__, asked)):
            if len(found) == 1:
                return found
            merged = self._catalog.merged_sources(symbol)
            return [each for each in found if each in merged] or found[:1]
        if halted := self._halted(symbol, asked):
            if source is not None and halted[0].halt is None:
                # Suspected of another asset, but asked for by name: its own price is what it says.
                return [source]
            raise unavailable.withdrawn(halted[0])
        raise self.unknown_symbol(symbol, asked)

    def resolve(self, query: RatesQuery, *, lookups: int) -> tuple[list[TickerKey], list[UnavailableRate]]:
        """Split a query into the keys of served instruments and the explanations of the others.

        So many of the unknown symbols come with similar ones.
        """
        asked = self._asked(query)
        if query.symbols is None:
            halted = [each for key, each in self._catalog.halted.items() if key.source in asked]
            keys = [key for key in self._catalog.tracked if key.source in asked]
            return keys, list(map(unavailable.halted, halted))
        keys = []
        gone: list[UnavailableRate] = []
        for symbol in dict.fromkeys(query.symbols):
            tracking = self._catalog.sources_of(symbol)
            found = [TickerKey(source, symbol) for source in asked if source in tracking]
            keys += found
            if query.sources is not None and found:
                # With named sources each is reported; without, one source per symbol suffices.
                gone += (
                    self.explain_unavailable(TickerKey(each, symbol))
                    for each in asked
                    if each not in tracking
                )
                continue
            halted = self._halted(symbol, asked)
            gone += map(unavailable.halted, halted)
            if not found and not halted:
                error = self.unknown_symbol(symbol, asked, suggests=lookups > 0)
                lookups -= not error.sources
                gone.append(unavailable.unknown(symbol, None, error))
        return keys, gone

    def list_served(self, query: RatesQuery) -> tuple[list[TickerKey], bool]:
        """Return the keys of served instruments, and whether they cover everything requested.

        They do not where a requested instrument is not tracked or not traded.
        """
        asked, halted = self._asked(query), self._catalog.halted
        if query.symbols is None:
            keys = [key for key in self._catalog.tracked if key.source in asked]
            return keys, not any(key.source in asked for key in halted)
        keys, is_all = [], True
        for symbol in dict.fromkeys(query.symbols):
            tracking = self._catalog.sources_of(symbol)
            found = [TickerKey(source, symbol) for source in asked if source in tracking]
            is_told = bool(found) and (query.sources is None or len(found) == len(asked))
            is_all = is_all and is_told and not (halted and self._halted(symbol, asked))
            keys += found
        return keys, is_all

    def explain_unavailable(self, key: TickerKey) -> UnavailableRate:
        """Return the reason why an instrument has no rate.

        Its source does not trade it, or it is not tracked.
        """
        halted = self._catalog.halted.get(key)
        if halted is not None:
            return unavailable.halted(halted)
        error = self.unknown_symbol(key.symbol, (key.source,), suggests=False)
        return unavailable.unknown(key.symbol, key.source, error)

    def unknown_symbol(
        self, symbol: Symbol, asked: Sequence[Source], *, suggests: bool = True
    ) -> UnknownSymbol:
        """Return the error of a symbol that none of the sources tracks.

        It names the sources that track it; if there are none and `suggests` is set, similar symbols.
        """
        elsewhere = [each for each in self._preference if self._catalog.is_listed(TickerKey(each, symbol))]
        is_any = set(self._preference).issubset(asked)
        return UnknownSymbol(
            str(symbol),
            near=self._catalog.suggest(symbol, asked) if suggests and not elsewhere else (),
            asked=() if is_any else [each.name for each in asked],
            sources=[each.name for each in elsewhere],
        )

    def _halted(self, symbol: Symbol, asked: Iterable[Source]) -> list[Instrument]:
        halted = self._catalog.halted
        if not halted:
            return []
        keys = (TickerKey(each, symbol) for each in asked)
        return [found for key in keys if (found := halted.get(key))]

    def _asked(self, query: RatesQuery) -> tuple[Source, ...]:
        return self._preference if query.sources is None else tuple(dict.fromkeys(query.sources))
