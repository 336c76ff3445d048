"""The tracked instruments, kept in memory and refreshed every few seconds; the last known stay when the database is away."""

import asyncio
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
import structlog

from gateway.state.catalog_history import CatalogHistory
from gateway.state.position import format_page_cursor, parse_page_cursor
from instruments.instrument import Instrument
from instruments.store import InstrumentReader
from rates.errors import DatabaseUnavailable, InvalidArgument
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey

MAX_PAGE = 200
NEAR_MATCHES = 3

log = structlog.get_logger("ratewire.gateway.catalog")


class InstrumentPage(msgspec.Struct, frozen=True):
    """A stretch of the list of instruments and what lies around it; `total` counts all that match."""

    instruments: tuple[Instrument, ...]
    cursors: tuple[str, ...]
    has_next: bool
    has_previous: bool
    total: int


class InstrumentCatalog:
    """What is tracked from which source. `on_added` and `on_removed` hear of keys that are answered or are no more, with every
    refresh after the first. One that its source has halted is none that is answered, as long as that lasts.
    """

    def __init__(
        self,
        instruments: InstrumentReader,
        *,
        refresh_s: float,
        on_added: Callable[[Iterable[TickerKey]], None] = lambda _: None,
        on_removed: Callable[[Iterable[TickerKey]], None] = lambda _: None,
    ) -> None:
        self._reader = instruments
        self._refresh_s = refresh_s
        self._on_added = on_added
        self._on_removed = on_removed
        self._history = CatalogHistory()
        self._by_key: dict[TickerKey, Instrument] = {}
        self._trading: dict[TickerKey, Instrument] = {}
        self._halted: dict[TickerKey, Instrument] = {}
        self._sources_by_symbol: dict[Symbol, frozenset[Source]] = {}
        self.loaded = False
        self.last_error: str | None = None

    @property
    def tracked(self) -> Mapping[TickerKey, Instrument]:
        """All instruments that are answered, by symbol and source."""
        return self._trading

    @property
    def halted(self) -> Mapping[TickerKey, Instrument]:
        """Those that their sources do not trade at the moment; each has a `halt` that says why."""
        return self._halted

    @property
    def version(self) -> str:
        """Names the set of tracked instruments and of those that are halted."""
        return self._history.version

    def changed_since(self, version: str) -> frozenset[TickerKey] | None:
        """Every instrument added, removed, halted or resumed since `version`; `None` if that is not known here."""
        return self._history.changed_since(version)

    def sources_of(self, symbol: Symbol) -> frozenset[Source]:
        """The sources that answer for `symbol`; none if it is unknown or halted everywhere."""
        return self._sources_by_symbol.get(symbol, frozenset())

    def near(self, symbol: Symbol, sources: Iterable[Source]) -> list[str]:
        """The tracked symbols closest in spelling, best first. Takes about a millisecond."""
        wanted = set(sources)
        known = [str(each) for each, tracking in self._sources_by_symbol.items() if tracking & wanted]
        return difflib.get_close_matches(str(symbol), known, n=NEAR_MATCHES, cutoff=0.7)

    def read_page(
        self, *, search: str | None, source: Source | None, first: int, after: str | None
    ) -> InstrumentPage:
        """The `first` instruments after the cursor `after` whose symbol or name contains `search` in any case.

        Raises:
            InvalidArgument: `first` is not between 0 and 200.
            InvalidCursor: `after` is not from such a page.
        """
        if not 0 <= first <= MAX_PAGE:
            raise InvalidArgument("first", first, f"0 to {MAX_PAGE}")
        start = None if after is None else parse_page_cursor(after)
        needle = (search or "").casefold()
        found = [
            key
            for key, instrument in self._by_key.items()
            if source in (None, key.source)
            and (needle in str(key.symbol).casefold() or needle in instrument.name.casefold())
        ]
        behind = found if start is None else [key for key in found if _order(key) > _order(start)]
        page = behind[:first]
        return InstrumentPage(
            tuple(self._by_key[key] for key in page),
            tuple(map(format_page_cursor, page)),
            has_next=len(behind) > first,
            has_previous=len(behind) < len(found),
            total=len(found),
        )

    async def run(self) -> None:
        """Keep the catalogue current until cancelled."""
        while True:
            try:
                await self.refresh()
            except DatabaseUnavailable as exc:
                self.last_error = str(exc)
                log.warning("catalogue not refreshed", error=self.last_error)
            await asyncio.sleep(self._refresh_s)

    async def refresh(self) -> None:
        """Read the instruments once.

        Raises:
            DatabaseUnavailable: what was known stays.
        """
        instruments = await self._reader.read()
        first_time = not self.loaded
        changed = self._keep(instruments)
        self.loaded, self.last_error = True, None
        if first_time:
            return
        if removed := changed - self._trading.keys():
            log.info("instruments removed", count=len(removed), halted=len(removed & self._halted.keys()))
            self._on_removed(sorted(removed, key=_order))
        if added := changed & self._trading.keys():
            log.info("instruments added", count=len(added))
            self._on_added(sorted(added, key=_order))

    def _keep(self, instruments: Sequence[Instrument]) -> frozenset[TickerKey]:
        by_key = {TickerKey(each.source, each.symbol): each for each in instruments}
        self._by_key = {key: by_key[key] for key in sorted(by_key, key=_order)}
        self._trading = {key: each for key, each in self._by_key.items() if each.halt is None}
        self._halted = {key: each for key, each in self._by_key.items() if each.halt is not None}
        sources: dict[Symbol, set[Source]] = {}
        for key in self._trading:
            sources.setdefault(key.symbol, set()).add(key.source)
        self._sources_by_symbol = {symbol: frozenset(tracking) for symbol, tracking in sources.items()}
        return self._history.note(self._trading, self._halted)


def _order(key: TickerKey) -> tuple[Symbol, Source]:
    """Instruments are listed by symbol, then by source."""
    return key.symbol, key.source
