"""A gateway without server over a cache that fails on demand, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import NamedTuple

from cache.memory import MemoryCache, _SourceCache
from cache.ports import FeedMessage, Snapshot
from gateway.queries.candles.bounded_reads import BoundedReads
from gateway.queries.candles.reader import CandlesReader
from gateway.queries.candles.series_index import SeriesIndex
from gateway.queries.candles.stats_reader import StatsReader
from gateway.queries.consensus.reader import ConsensusReader
from gateway.queries.conversion.converter import Converter
from gateway.queries.history_readers import HistoryReaders
from gateway.queries.rate_reader import RateReader
from gateway.state.catalog import InstrumentCatalog
from gateway.state.mirror import Mirror
from gateway.subscriptions.cohort import FanOut
from gateway.subscriptions.flush import FlushScheduler
from gateway.subscriptions.live_queries import LiveQueries
from gateway.subscriptions.registry import SubscriptionRegistry
from rates.source import Source
from rates.symbol import parse_symbol
from rates.ticker import Ticker, TickerKey
from tests.gateway.fakes import MAX_DISTANCE, ListedInstruments
from tests.virtual_time import VirtualTimeLoop

TTL = {source: timedelta(seconds=source.ttl_s) for source in Source}
KEYS = [
    TickerKey(Source.BINANCE, parse_symbol("BTC/USDT")),
    TickerKey(Source.BINANCE, parse_symbol("ETH/USDT")),
    TickerKey(Source.COINGECKO, parse_symbol("BTC/USDT")),
    TickerKey(Source.COINGECKO, parse_symbol("BTC/USD")),
]
RECONNECT_S = 0.057_3


async def at_once() -> None:
    """No delay."""


class FailingCache(MemoryCache):
    """A cache that loses messages on demand; `delay` is awaited before and after each read."""

    def __init__(self, *, delay: Callable[[], Awaitable[None]] = at_once) -> None:
        super().__init__()
        self.to_drop = 0
        self.restarted: set[Source] = set()
        self._delay = delay

    def _publish(self, message: FeedMessage) -> None:
        if self.to_drop:
            self.to_drop -= 1
        else:
            super()._publish(message)

    def lose_subscriptions(self) -> None:
        for queue in list(self._subscribers):
            self._subscribers.discard(queue)
            queue.put_nowait(None)

    def restart(self, source: Source) -> None:
        """Lose everything of a source: a new epoch begins."""
        self._sources[source] = _SourceCache()
        self.restarted.add(source)

    def tickers(self) -> list[Ticker]:
        """All cached tickers."""
        return [ticker for each in self._sources.values() for ticker in each.tickers.values()]

    async def read_snapshot(self, source: Source) -> Snapshot:
        await self._delay()
        found = await super().read_snapshot(source)
        await self._delay()
        return found


class Entry(NamedTuple):
    """A published ticker or retraction (`ticker` is `None`), and its loop time."""

    at: float
    key: TickerKey
    ticker: Ticker | None


class Harness:
    """The parts of a `Gateway`, with a `log` of everything published."""

    def __init__(self, cache: FailingCache, instruments: ListedInstruments) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self._loop = loop
        self.cache = cache
        self.log: list[Entry] = []
        self.versions: set[str] = set()
        self.tracked: list[tuple[float, frozenset[TickerKey]]] = []
        self.catalog = InstrumentCatalog(
            instruments,
            refresh_s=1e6,
            on_added=self._added,
            on_removed=self._removed,
            on_changed=self._changed,
        )
        self.registry = SubscriptionRegistry(self.catalog)
        # Virtual time: no turn is too long, so that what happens at one instant is one event.
        scheduler = FlushScheduler(loop.clock, self.registry.publications, now_s=loop.time, cpu_s=loop.time)
        self.mirror = Mirror(
            cache,
            publish=self._publish,
            is_publishing=scheduler.is_flushing,
            clock=loop.clock,
            wait_s=lambda _: RECONNECT_S,
            # Virtual time: no turn is too long, so that what happens at one instant is one event.
            now_s=loop.time,
        )
        self.rates = RateReader(
            self.mirror,
            self.catalog,
            ttl=TTL,
            preference=list(Source),
            max_symbols=100,
            max_distance=MAX_DISTANCE,
            simulated=True,
            clock=loop.clock,
        )
        self.consensus = ConsensusReader(
            self.rates,
            self.mirror,
            self.catalog,
            preference=list(Source),
            max_distance=MAX_DISTANCE,
            clock=loop.clock,
        )
        self.converter = Converter(
            self.rates, self.mirror, self.catalog, preference=list(Source), clock=loop.clock
        )
        index = SeriesIndex(None, self.rates, self.catalog, preference=list(Source), clock=loop.clock)
        reads = BoundedReads(loop.clock, timeout_s=60)
        self.candles = CandlesReader(None, index, reads, simulated=True, clock=loop.clock)
        self.stats = StatsReader(None, index, reads, simulated=True, clock=loop.clock)
        self.history = HistoryReaders(
            None,
            None,
            index,
            reads,
            candles=self.candles,
            catalog=self.catalog,
            preference=list(Source),
            max_distance=MAX_DISTANCE,
            consensus=self.consensus,
            converter=self.converter,
            ttl=TTL,
            max_symbols=100,
            simulated=True,
            clock=loop.clock,
        )
        self.live_queries = LiveQueries(
            self.mirror,
            self.catalog,
            FanOut(self.registry, scheduler),
            self.rates,
            consensus=self.consensus,
            converter=self.converter,
            ttl=TTL,
            preference=list(Source),
            clock=loop.clock,
        )

    async def refresh(self) -> None:
        """Refresh the catalog."""
        await self.catalog.refresh()
        self.versions.add(self.catalog.version)
        self.tracked.append((self._loop.time(), frozenset(self.catalog.tracked)))

    def tracked_at(self, time: float) -> frozenset[TickerKey]:
        return [keys for at, keys in self.tracked if at <= time][-1]

    def values_at(self, time: float) -> dict[TickerKey, Ticker]:
        """The available tickers at a loop time, according to the log."""
        values: dict[TickerKey, Ticker] = {}
        for entry in self.log:
            if entry.at > time:
                break
            if entry.ticker is None:
                values.pop(entry.key, None)
            else:
                values[entry.key] = entry.ticker
        return values

    def _publish(self, ticker: Ticker, key: TickerKey) -> None:
        if key in self.catalog.tracked:
            self._record(key, ticker)

    def _added(self, keys: Iterable[TickerKey]) -> None:
        for key in keys:
            if ticker := self.mirror.read(key):
                self._record(key, ticker)

    def _removed(self, keys: Iterable[TickerKey]) -> None:
        for key in keys:
            self._record(key, None)

    def _changed(self) -> None:
        self.live_queries.lists.invalidate()

    def _record(self, key: TickerKey, ticker: Ticker | None) -> None:
        self.log.append(Entry(self._loop.time(), key, ticker))
        if ticker is None:
            self.registry.retract(key)
        else:
            self.registry.publish(ticker, key)
