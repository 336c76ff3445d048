"""What a reader that comes back with a cursor has missed, proved from the bounded stream; or that it cannot be proved."""

import asyncio
from collections.abc import Callable, Sequence

from cache.ports import TickerFeed
from gateway.state.mirror import Mirror
from gateway.state.position import Positions, StreamPosition
from rates.errors import CacheUnavailable, MalformedTicker
from rates.source import Source
from rates.ticker import Ticker, TickerKey

# Another replica may have been a moment ahead of this one; longer than that means that this one is cut off.
CATCH_UP_S = 1.0


async def catch_up(mirror: Mirror, after: Positions, sources: Sequence[Source]) -> None:
    """Give the mirror a moment to reach the cursor, which may come from a replica that was ahead."""
    try:
        async with asyncio.timeout(CATCH_UP_S):
            for source in sources:
                if source in after:
                    await mirror.wait_until(source, after[source])
    except TimeoutError:
        return


async def read_missed(
    feed: TickerFeed,
    after: Positions,
    at: Positions,
    sources: Sequence[Source],
    *,
    has_seen: Callable[[Source], bool],
) -> tuple[Ticker, ...] | None:
    """The newest value of everything that changed after the cursor and up to `at`; `None` if that cannot be proved.

    Later changes are the subscriber's own business: it is registered since `at`. An empty cache proves nothing, as it may have
    been lost: only a source that this process `has_seen` nothing of was always empty.
    """
    newest: dict[TickerKey, Ticker] = {}
    for source in sources:
        if not at[source].epoch and after.get(source) == at[source] and not has_seen(source):
            continue
        tickers = await _read_source(feed, source, after.get(source), at[source])
        if tickers is None:
            return None
        newest.update((ticker.key, ticker) for ticker in tickers)
    return tuple(newest.values())


async def _read_source(
    feed: TickerFeed, source: Source, after: StreamPosition | None, at: StreamPosition
) -> list[Ticker] | None:
    if after is None or not after.epoch or after.epoch != at.epoch or after.seq > at.seq:
        return None
    if after == at:
        return []
    try:
        changes = await feed.read_after(source, after.epoch, after.seq)
    except (CacheUnavailable, MalformedTicker):
        return None
    if changes is None:
        return None
    return [ticker for each in changes if each.seq <= at.seq for ticker in each.tickers]
