"""Resume after a cursor: prove from the bounded stream what a subscription has missed."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cache.ports import TickerFeed
from gateway.queries.rate_reader import RateReader
from gateway.state.catalog import InstrumentCatalog
from gateway.state.mirror import Mirror
from gateway.state.position import Cursor, Positions, StreamPosition
from gateway.subscriptions.registry import InstrumentFilter
from rates.errors import CacheUnavailable, MalformedTicker
from rates.source import Source
from rates.ticker import Ticker, TickerKey

# The replica that issued the cursor may have been slightly ahead of this one. If this one does not catch up, it is cut off.
CATCH_UP_S = 1.0


class Recovery(NamedTuple):
    """The updates missed by a resumed subscription: newest tickers and removed instruments."""

    tickers: tuple[Ticker, ...]
    removed: tuple[TickerKey, ...]
    cursor: str


class ResumeReader:
    """Reads what subscriptions have missed, from the stream, the mirror and the catalog."""

    def __init__(
        self, feed: TickerFeed, mirror: Mirror, catalog: InstrumentCatalog, rates: RateReader
    ) -> None:
        self._feed = feed
        self._mirror = mirror
        self._catalog = catalog
        self._rates = rates

    async def catch_up(self, after: Cursor, sources: Sequence[Source]) -> None:
        """Wait up to `CATCH_UP_S` seconds until the mirror has reached a cursor of another replica."""
        try:
            async with asyncio.timeout(CATCH_UP_S):
                for source in sources:
                    if source in after.positions:
                        await self._mirror.wait_until(source, after.positions[source])
        except TimeoutError:
            return

    async def recover(
        self,
        instruments: InstrumentFilter,
        after: Cursor,
        sources: Sequence[Source],
        *,
        is_pending: Callable[[TickerKey], bool],
    ) -> Recovery | None:
        """The updates missed since `after`; `None` if that cannot be proved.

        The cohort must be registered before the call.
        """
        at, cursor = self._mirror.positions, self._rates.cursor()
        changed = self._catalog.changed_since(after.catalog_version)
        if changed is None:
            return None
        missed = await self._read_missed(after.positions, at, sources)
        if missed is None:
            return None
        # Instruments added to the catalog since were never sent, however old their tickers. What is pending is sent next.
        keys = dict.fromkeys([*sorted(changed), *missed])
        tickers = [
            ticker
            for key in keys
            if instruments.matches(key) and key in self._catalog.tracked and not is_pending(key)
            # The mirror may have a newer one, from before the cache was lost.
            if (ticker := self._mirror.read(key))
        ]
        known = self._catalog.tracked.keys() | self._catalog.halted.keys()
        removed = sorted(key for key in changed if instruments.matches(key) and key not in known)
        return Recovery(tuple(tickers), tuple(removed), cursor)

    async def _read_missed(
        self, after: Positions, at: Positions, sources: Sequence[Source]
    ) -> dict[TickerKey, None] | None:
        """The instruments changed after the cursor and up to `at`; `None` if not provable.

        An empty cache proves nothing, as its contents may have been lost, unless this process never saw a ticker of the source.
        """
        missed: dict[TickerKey, None] = {}
        for source in sources:
            has_seen = self._mirror.sources[source].latest_observed_at is not None
            if not at[source].epoch and after.get(source) == at[source] and not has_seen:
                continue
            keys = await self._read_source(source, after.get(source), at[source])
            if keys is None:
                return None
            missed.update(dict.fromkeys(keys))
        return missed

    async def _read_source(
        self, source: Source, after: StreamPosition | None, at: StreamPosition
    ) -> list[TickerKey] | None:
        # Positions of two epochs cannot be compared: the cache was lost in between.
        if after is None or not after.epoch or after.epoch != at.epoch or after.seq > at.seq:
            return None
        if after == at:
            return []
        try:
            changes = await self._feed.read_after(source, after.epoch, after.seq)
        except (CacheUnavailable, MalformedTicker):
            return None
        if changes is None:
            return None
        return [ticker.key for each in changes if each.seq <= at.seq for ticker in each.tickers]
