"""The tracked instruments in memory, refreshed periodically.

They stay as they were while the database is unavailable.
"""

import asyncio
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog

from gateway.state.asset_index import AssetIndex
from gateway.state.catalog_history import CatalogHistory
from gateway.state.instrument_pages import InstrumentPages
from gateway.state.spelling import SpellingIndex
from gateway.state.stored_history import StoredHistory
from instruments.identity.asset_table import reviewed_assets
from instruments.instrument import Instrument
from instruments.store import InstrumentReader
from rates.errors import DatabaseUnavailable
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey

MAX_SUGGESTIONS = 3
MIN_SIMILARITY = 0.7
MAX_COMPARED = 32

log = structlog.get_logger("ratewire.gateway.catalog")


class InstrumentCatalog:
    """The tracked instruments of all sources.

    After each refresh but the first, `on_added` and `on_removed` are called with the
    instruments that became available or unavailable. A halted instrument is unavailable until its source resumes trading.
    `on_changed` follows them if anything about any instrument has changed, such as its identity.
    """

    def __init__(
        self,
        instruments: InstrumentReader,
        *,
        refresh_s: float,
        stored_history: StoredHistory | None = None,
        on_added: Callable[[Iterable[TickerKey]], None] = lambda _: None,
        on_removed: Callable[[Iterable[TickerKey]], None] = lambda _: None,
        on_changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._reader = instruments
        self._refresh_s = refresh_s
        self._on_added = on_added
        self._on_removed = on_removed
        self._on_changed = on_changed
        self._history = CatalogHistory()
        self._stored_history = stored_history
        self._instruments: tuple[Instrument, ...] = ()
        self.pages = InstrumentPages()
        """All tracked instruments, available or not, in pages."""
        self.tracked: Mapping[TickerKey, Instrument] = {}
        """The available instruments: tracked and not halted."""
        self.halted: Mapping[TickerKey, Instrument] = {}
        """The tracked instruments that are not answered: halted by their source, or with a suspected identity."""
        self._merged: dict[Symbol, frozenset[Source]] = {}
        self._sources_by_symbol: dict[Symbol, frozenset[Source]] = {}
        self._symbols_by_base: dict[str, list[Symbol]] = {}
        self._bases = SpellingIndex(())
        self.assets = AssetIndex(())
        """The assets that instruments may mean."""
        self.version = self._history.version
        """A hash of the tracked and halted instruments, equal on all replicas with the same catalog."""
        self.revision = 0
        """A number that changes whenever anything about any instrument changes, such as its identity."""
        self.loaded = False
        self.last_error: str | None = None

    def changed_since(self, version: str) -> frozenset[TickerKey] | None:
        """Every instrument changed since `version`; `None` if that version is unknown."""
        return self._history.changed_since(version)

    def sources_of(self, symbol: Symbol) -> frozenset[Source]:
        """The sources at which `symbol` is available; none if it is unknown or halted everywhere."""
        return self._sources_by_symbol.get(symbol, frozenset())

    def is_listed(self, key: TickerKey) -> bool:
        """Tell whether an instrument is tracked, available or not."""
        return self.find(key) is not None

    def find(self, key: TickerKey) -> Instrument | None:
        """Return an instrument, available or not; `None` if it is not tracked."""
        return self.tracked.get(key) or self.halted.get(key)

    def merged_sources(self, symbol: Symbol) -> frozenset[Source]:
        """The sources that mean the same reviewed assets by `symbol`.

        Only their rates may be merged. None for one unreviewed.
        """
        return self._merged.get(symbol, frozenset())

    def suggest(self, symbol: Symbol, sources: Iterable[Source]) -> list[str]:
        """The available symbols of these sources closest in spelling, best first, in 0.3 ms."""
        wanted = set(sources)
        # Other assets that some source calls by this code come first.
        same_code = [
            str(other)
            for asset in reviewed_assets().candidates(symbol.base)
            if (other := Symbol(asset.code, symbol.quote)) != symbol
            and self._sources_by_symbol.get(other, frozenset()) & wanted
        ]
        known = [
            str(each)
            for base in self._bases.find_candidates(symbol.base)
            for each in self._symbols_by_base[base]
            if self._sources_by_symbol[each] & wanted
        ]
        similar = difflib.get_close_matches(
            str(symbol), known[:MAX_COMPARED], n=MAX_SUGGESTIONS, cutoff=MIN_SIMILARITY
        )
        return list(dict.fromkeys([*same_code, *similar]))

    async def run(self) -> None:
        """Keep the catalogue current until cancelled.

        An exception that no code expected ends the call.
        """
        if self._stored_history is not None:
            await self._stored_history.restore(self._history)
        while True:
            try:
                await self.refresh()
                if self._stored_history is not None:
                    await self._stored_history.store(self._history)
            except DatabaseUnavailable as exc:
                self.last_error = str(exc)
                log.warning("catalogue not refreshed", error=self.last_error)
            except Exception as exc:
                self.last_error = f"{type(exc).__name__}: {exc}"
                raise
            await asyncio.sleep(self._refresh_s)

    async def refresh(self) -> None:
        """Read the instruments once.

        Raises:
            DatabaseUnavailable: the instruments stay as they were.
        """
        instruments = await self._reader.read()
        first_time = not self.loaded
        revision = self.revision
        changed = self._replace(instruments)
        self.loaded, self.last_error = True, None
        if first_time:
            return
        if removed := changed - self.tracked.keys():
            log.info("instruments removed", count=len(removed), halted=len(removed & self.halted.keys()))
            self._on_removed(sorted(removed, key=_sort_key))
        if added := changed & self.tracked.keys():
            log.info("instruments added", count=len(added))
            self._on_added(sorted(added, key=_sort_key))
        if self.revision != revision:
            self._on_changed()

    def _replace(self, instruments: Sequence[Instrument]) -> frozenset[TickerKey]:
        seen = tuple(instruments)
        if self.loaded and seen == self._instruments:
            return frozenset()
        self._instruments = seen
        self.revision += 1
        found = {TickerKey(each.source, each.symbol): each for each in instruments}
        by_key = {key: found[key] for key in sorted(found, key=_sort_key)}
        self.pages = InstrumentPages(instruments, self.pages)
        self.assets = AssetIndex(instruments)
        self.tracked = {key: each for key, each in by_key.items() if _is_answered(each)}
        self.halted = {key: each for key, each in by_key.items() if not _is_answered(each)}
        sources: dict[Symbol, set[Source]] = {}
        for key in self.tracked:
            sources.setdefault(key.symbol, set()).add(key.source)
        self._sources_by_symbol = {symbol: frozenset(tracking) for symbol, tracking in sources.items()}
        self._symbols_by_base = {}
        for symbol in sources:
            self._symbols_by_base.setdefault(symbol.base, []).append(symbol)
        self._bases = SpellingIndex(self._symbols_by_base)
        self._merged = {symbol: self._find_merged(symbol, found) for symbol, found in sources.items()}
        changed = self._history.record(self.tracked, self.halted)
        self.version = self._history.version
        return changed

    def _find_merged(self, symbol: Symbol, sources: Iterable[Source]) -> frozenset[Source]:
        """Return the largest group of sources with the same reviewed assets.

        Of equal ones that of the code's owner.
        """
        groups: dict[tuple[str | None, str | None], set[Source]] = {}
        for source in sources:
            instrument = self.tracked[TickerKey(source, symbol)]
            if instrument.is_reviewed:
                groups.setdefault((instrument.base_asset, instrument.quote_asset), set()).add(source)
        owner = reviewed_assets().owner(symbol.base)

        def rank(assets: tuple[str | None, str | None]) -> tuple[bool, int, str]:
            return owner is not None and assets[0] == owner.id, len(groups[assets]), str(assets)

        return frozenset(groups[max(groups, key=rank)]) if groups else frozenset()


def _is_answered(instrument: Instrument) -> bool:
    return instrument.halt is None and instrument.suspicion is None


def _sort_key(key: TickerKey) -> tuple[Symbol, Source]:
    """Sort by symbol, then by source."""
    return key.symbol, key.source
