"""A client that moves between gateways has what they have, whatever messages each has lost."""

import asyncio
from contextlib import aclosing
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.ports import FeedMessage
from gateway.queries.rates_query import RatesQuery
from gateway.state.position import parse_cursor
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import EventKind, RatesEvent
from rates.source import Source
from rates.symbol import parse_symbol
from rates.ticker import Ticker, TickerKey
from tests.gateway.fakes import ListedInstruments, build_ticker
from tests.gateway.harness import KEYS, RECONNECT_S, FailingCache, Harness
from tests.gateway.oracle import is_wanted
from tests.lengths import at_length
from tests.virtual_time import run_virtually

OPTIONS = DeliveryOptions(0.0, Decimal(0), None)
QUERIES = [
    RatesQuery(),
    RatesQuery(symbols=(parse_symbol("BTC/USDT"),)),
    RatesQuery(sources=(Source.BINANCE,)),
    RatesQuery(symbols=(parse_symbol("BTC/USDT"), parse_symbol("BTC/USD")), sources=(Source.COINGECKO,)),
]
REPLICAS = 2


class SharedCache(FailingCache):
    """One cache, which each replica reads over a connection of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.connections = [FailingCache() for _ in range(REPLICAS)]
        for each in self.connections:
            each._sources = self._sources

    def _publish(self, message: FeedMessage) -> None:
        for each in self.connections:
            each._publish(message)


class Write(NamedTuple):
    """One write: instruments, and the age of each observation in steps."""

    entries: list[tuple[TickerKey, int]]


class Repeat(NamedTuple):
    """A writer stores its newest tickers of a source again, as after a new epoch."""

    source: Source


class Drop(NamedTuple):
    """A replica does not receive its next messages."""

    replica: int
    messages: int


class Lose(NamedTuple):
    """A replica loses its connection and reloads."""

    replica: int


class Restart(NamedTuple):
    """The cache of a source is lost."""

    source: Source


class Visit(NamedTuple):
    """The client connects to a replica, receives what it missed, and leaves.

    `back`: it resumes with the state that it had so many visits before.
    """

    replica: int
    back: int = 0


Step = Write | Repeat | Drop | Lose | Restart | Visit
some_sources = st.sampled_from([Source.BINANCE, Source.COINGECKO])
replicas = st.integers(0, REPLICAS - 1)
visits = st.builds(Visit, replicas, st.sampled_from([0, 0, 1, 4]))
writes = st.builds(
    Write, st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from([0, 0, 0, 3])), min_size=1, max_size=3)
)
rarely = [
    st.builds(Repeat, some_sources),
    st.builds(Drop, replicas, st.integers(1, 2)),
    st.builds(Lose, replicas),
    st.builds(Restart, some_sources),
]
step_lists = st.lists(
    st.one_of(writes, visits, *rarely),
    min_size=5,
    max_size=40,
)


class Run:
    """Replicas, their cache, and one client."""

    def __init__(self, query: RatesQuery) -> None:
        self.cache = SharedCache()
        instruments = ListedInstruments(*((key.source, str(key.symbol)) for key in KEYS))
        self.replicas = [Harness(each, instruments) for each in self.cache.connections]
        self.query = query
        self.written: dict[TickerKey, Ticker] = {}
        self.held: dict[TickerKey, Ticker] = {}
        self.cursor: str | None = None
        self.visits: list[tuple[str | None, dict[TickerKey, Ticker]]] = []
        self.number = 0

    async def run(self, steps: list[Step]) -> None:
        mirrors = [asyncio.create_task(each.mirror.run()) for each in self.replicas]
        for replica in self.replicas:
            await replica.refresh()
        await asyncio.sleep(0.01)
        for step in steps:
            self.number += 1
            await self.take(step)
            await asyncio.sleep(0.01)
        for mirror in mirrors:
            mirror.cancel()
        await asyncio.wait(mirrors)

    async def take(self, step: Step) -> None:
        match step:
            case Write(entries):
                for source in Source:
                    await self.write([self.observe(*each) for each in entries if each[0].source is source])
            case Repeat(source):
                await self.cache.write([each for key, each in self.written.items() if key.source is source])
            case Drop(replica, messages):
                self.cache.connections[replica].to_drop += messages
            case Lose(replica):
                self.cache.connections[replica].lose_subscriptions()
                await asyncio.sleep(2 * RECONNECT_S)
            case Restart(source):
                self.cache.restart(source)
            case Visit(replica, back):
                if self.visits:
                    self.cursor, self.held = self.visits[max(0, len(self.visits) - 1 - back)]
                await self.visit(self.replicas[replica])
                self.visits.append((self.cursor, self.held))

    def observe(self, key: TickerKey, lag: int) -> Ticker:
        at = timedelta(seconds=self.number - lag)
        clock = self.replicas[0].rates.now()
        return build_ticker(
            str(key.symbol),
            str(100 + self.number),
            source=key.source,
            observed_at=clock.replace(minute=0, second=0, microsecond=0) + at,
        )

    async def write(self, tickers: list[Ticker]) -> None:
        await self.cache.write(tickers)
        for ticker in tickers:
            known = self.written.get(ticker.key)
            if known is None or ticker.is_newer_than(known):
                self.written[ticker.key] = ticker

    async def visit(self, replica: Harness) -> None:
        before = self.cursor
        async with aclosing(replica.live_queries.iterate(self.query, OPTIONS, before)) as events:
            event = await anext(events)
            if event.kind is EventKind.GAP:
                assert not self.is_provable(replica)
                event = await anext(events)
                assert event.recovered is False
            if event.recovered:
                self.check_new(replica, event)
            else:
                self.held = {}
        self.cursor = event.cursor
        self.held = self.held | {rate.ticker.key: rate.ticker for rate in event.items}
        for key in KEYS:
            current = replica.mirror.read(key)
            if current is not None and is_wanted(key, self.query):
                assert not current.is_newer_than(self.held[key])

    def is_provable(self, replica: Harness) -> bool:
        """Whether the cursor is of the same epochs and lineages, and nowhere ahead."""
        assert self.cursor is not None
        at = replica.mirror.positions
        return all(
            (each.epoch, each.lineage) == (at[source].epoch, at[source].lineage)
            and each.seq <= at[source].seq
            for source, each in parse_cursor(self.cursor).positions.items()
        )

    def check_new(self, replica: Harness, event: RatesEvent) -> None:
        """Everything is newer than what the client has, or the replica is of another lineage."""
        assert self.cursor is not None
        positions = parse_cursor(self.cursor).positions
        for source in self.query.sources or Source:
            assert positions[source].epoch == replica.mirror.positions[source].epoch
        for rate in event.items:
            known, source = self.held.get(rate.ticker.key), rate.ticker.source
            if positions[source].lineage == replica.mirror.positions[source].lineage:
                assert known is None or rate.ticker.is_newer_than(known)


@pytest.mark.slow
@settings(max_examples=at_length(300), deadline=None)
@given(step_lists, st.sampled_from(QUERIES))
def test_a_client_that_moves_has_what_the_gateway_has_and_nothing_twice(
    steps: list[Step], query: RatesQuery
) -> None:
    """For any writes, losses of messages by one replica, reloads, and losses of the cache."""

    async def main() -> None:
        await Run(query).run(steps)

    run_virtually(main())
