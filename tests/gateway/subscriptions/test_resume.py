"""Resumed live queries: just what was missed, where that can be proved."""

import asyncio
from contextlib import aclosing

import pytest

from cache.memory import MemoryCache
from cache.ports import Snapshot
from gateway.gateway import Gateway
from gateway.queries.rates_query import RatesQuery
from gateway.state.position import Cursor, StreamPosition, format_cursor
from gateway.subscriptions.event import EventKind
from rates.errors import InvalidCursor
from rates.symbol import parse_symbol
from rates.ticker import TickerKey
from rates.wire import Changes
from tests.gateway.fakes import ListedInstruments, ScriptedFeed
from tests.gateway.fixture_types import BuildTicker, Running, Until
from tests.gateway.subscriptions.test_live_queries import AT_ONCE, BINANCE, BTC_USDT, following, prices


async def test_a_reader_that_comes_back_gets_just_what_it_missed(
    gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until
) -> None:
    """In one snapshot, proved complete, followed by updates."""
    await cache.write([ticker(price="1"), ticker("ETH/USDT", "7")])
    await until(lambda: gateway.mirror.positions[BINANCE].seq == 1)
    cursor = gateway.rates.rates(RatesQuery()).cursor
    for number in range(2, 5):
        await cache.write([ticker(price=str(number), sequence=number)])
    await until(lambda: gateway.mirror.positions[BINANCE].seq == 4)
    async with aclosing(gateway.live_queries.iterate(RatesQuery(), AT_ONCE, cursor)) as events:
        snapshot = await following(events)
        assert (snapshot.kind, snapshot.recovered, prices(snapshot)) == (
            EventKind.SNAPSHOT,
            True,
            [("BTC/USDT", "4")],
        )
        await cache.write([ticker(price="5", sequence=5)])
        assert prices(await following(events)) == [("BTC/USDT", "5")]
    async with aclosing(
        gateway.live_queries.iterate(RatesQuery(), AT_ONCE, gateway.rates.cursor())
    ) as events:
        nothing_missed = await following(events)
        assert (nothing_missed.recovered, nothing_missed.items) == (True, ())


@pytest.mark.slow
async def test_a_cursor_of_any_age_is_proved(
    gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until
) -> None:
    """The cursor may be any number of writes old; only each instrument's newest ticker is sent."""
    await cache.write([ticker(price="1"), ticker("ETH/USDT", "7")])
    await until(lambda: gateway.mirror.positions[BINANCE].seq == 1)
    cursor = gateway.rates.cursor()
    for number in range(2, 3_000):
        await cache.write([ticker(price=str(number), sequence=number)])
        await asyncio.sleep(0)
    await until(lambda: gateway.mirror.positions[BINANCE].seq == 2_999)
    async with aclosing(gateway.live_queries.iterate(RatesQuery(), AT_ONCE, cursor)) as events:
        snapshot = await following(events)
        assert (snapshot.recovered, prices(snapshot)) == (True, [("BTC/USDT", "2999")])


async def test_a_cursor_of_another_epoch_brings_a_gap(
    gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until
) -> None:
    """The cache was lost in between: nothing can be proved.

    The GAP repeats the old cursor: a client that leaves before the SNAPSHOT can resume.
    """
    await cache.write([ticker()])
    await until(lambda: gateway.mirror.positions[BINANCE].seq == 1)
    foreign = format_cursor(
        Cursor({**gateway.mirror.positions, BINANCE: StreamPosition("another", 1)}, gateway.catalog.version)
    )
    async with aclosing(gateway.live_queries.iterate(RatesQuery(), AT_ONCE, foreign)) as events:
        gap = await following(events)
        assert (gap.kind, gap.cursor, gap.items) == (EventKind.GAP, foreign, ())
        snapshot = await following(events)
        assert (snapshot.kind, snapshot.recovered, prices(snapshot)) == (
            EventKind.SNAPSHOT,
            False,
            [("BTC/USDT", "100")],
        )


async def test_a_cursor_of_an_epoch_that_the_mirror_has_not_seen_brings_a_gap(
    running: Running, scripted_feed: ScriptedFeed, ticker: BuildTicker, until: Until
) -> None:
    """The replica still answers with values of the lost epoch."""
    async with running(scripted_feed) as gateway:
        scripted_feed.send(Changes(BINANCE, "lost", 5, (ticker(price="1"),)))
        scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "lost", 5, (ticker(price="1"),), ())
        await until(lambda: gateway.mirror.positions[BINANCE].epoch == "lost")
        cursor = format_cursor(
            Cursor({**gateway.mirror.positions, BINANCE: StreamPosition("new", 1)}, gateway.catalog.version)
        )
        async with aclosing(gateway.live_queries.iterate(RatesQuery(), AT_ONCE, cursor)) as events:
            assert (await following(events)).kind is EventKind.GAP


async def test_a_cursor_from_a_replica_that_is_ahead_is_waited_for(
    running: Running, scripted_feed: ScriptedFeed, ticker: BuildTicker, until: Until
) -> None:
    """So that nothing the client has is told again."""
    async with running(scripted_feed) as gateway:
        scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "e", 1, (ticker(price="1"),), ())
        scripted_feed.send(Changes(BINANCE, "e", 1, ()))
        await until(lambda: gateway.mirror.positions[BINANCE].seq == 1)
        ahead = format_cursor(
            Cursor({**gateway.mirror.positions, BINANCE: StreamPosition("e", 2)}, gateway.catalog.version)
        )
        async with aclosing(gateway.live_queries.iterate(RatesQuery(), AT_ONCE, ahead)) as events:
            first = asyncio.create_task(following(events))
            await asyncio.sleep(0)
            scripted_feed.send(Changes(BINANCE, "e", 2, (ticker(price="2", sequence=2),)))
            event = await first
            assert (event.recovered, event.items) == (True, ())


async def test_a_cursor_that_the_mirror_does_not_reach_brings_a_gap(
    running: Running, scripted_feed: ScriptedFeed, ticker: BuildTicker, until: Until
) -> None:
    """The replica is cut off and proves nothing."""
    async with running(scripted_feed) as gateway:
        scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "e", 1, (ticker(price="1"),), ())
        scripted_feed.send(Changes(BINANCE, "e", 1, ()))
        await until(lambda: gateway.mirror.positions[BINANCE].seq == 1)
        ahead = format_cursor(
            Cursor({**gateway.mirror.positions, BINANCE: StreamPosition("e", 5)}, gateway.catalog.version)
        )
        async with aclosing(gateway.live_queries.iterate(RatesQuery(), AT_ONCE, ahead)) as events:
            assert (await following(events)).kind is EventKind.GAP


async def test_a_snapshot_after_a_cursor_ends_where_the_mirror_is(
    running: Running, scripted_feed: ScriptedFeed, ticker: BuildTicker, until: Until
) -> None:
    """A later change follows as an update."""
    async with running(scripted_feed) as gateway:
        btc, eth = ticker(price="2", sequence=2), ticker("ETH/USDT", "7")
        seqs = {btc.symbol: 2, eth.symbol: 1}
        scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "e", 2, (btc, eth), (), seqs)
        scripted_feed.send(Changes(BINANCE, "e", 2, ()))
        await until(lambda: gateway.mirror.positions[BINANCE].seq == 2)
        later = ticker("ETH/USDT", "8", sequence=3)
        cursor = format_cursor(
            Cursor({**gateway.mirror.positions, BINANCE: StreamPosition("e", 1)}, gateway.catalog.version)
        )
        async with aclosing(gateway.live_queries.iterate(RatesQuery(), AT_ONCE, cursor)) as events:
            snapshot = await following(events)
            assert (snapshot.recovered, prices(snapshot)) == (True, [("BTC/USDT", "2")])
            scripted_feed.send(Changes(BINANCE, "e", 3, (later,)))
            assert prices(await following(events)) == [("ETH/USDT", "8")]


async def test_a_cursor_that_is_none_is_refused_at_once(gateway: Gateway) -> None:
    """Not on the first event."""
    with pytest.raises(InvalidCursor):
        gateway.live_queries.iterate(RatesQuery(), AT_ONCE, "nonsense")


async def test_who_comes_back_is_told_what_is_tracked_since(
    gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, instruments: ListedInstruments, until: Until
) -> None:
    """Though it was written before the cursor; and that the other is tracked no more."""
    await cache.write([ticker(price="1")])
    await cache.write([ticker("SOL/USDT", "5")])
    await until(lambda: gateway.mirror.positions[BINANCE].seq == 2)
    cursor = gateway.rates.cursor()
    instruments.instruments.pop(0)
    instruments.add(BINANCE, "SOL/USDT")
    sol = TickerKey(BINANCE, parse_symbol("SOL/USDT"))
    await until(lambda: sol in gateway.catalog.tracked)
    async with aclosing(
        gateway.live_queries.iterate(RatesQuery(sources=(BINANCE,)), AT_ONCE, cursor)
    ) as events:
        snapshot = await following(events)
        assert (snapshot.recovered, prices(snapshot)) == (True, [("SOL/USDT", "5")])
        assert BTC_USDT in [each.symbol for each in snapshot.unavailable]


async def test_an_empty_cache_proves_nothing_once_something_was_seen(
    running: Running, scripted_feed: ScriptedFeed, ticker: BuildTicker, until: Until
) -> None:
    """A value may have come and been lost with the cache between two looks at nothing."""
    async with running(scripted_feed) as gateway:
        cursor = gateway.rates.cursor()
        async with aclosing(gateway.live_queries.iterate(RatesQuery(), AT_ONCE, cursor)) as events:
            assert (await following(events)).recovered is True
        scripted_feed.send(Changes(BINANCE, "e", 1, (ticker(),)))
        await until(lambda: gateway.mirror.positions[BINANCE].seq == 1)
        scripted_feed.send(Changes(BINANCE, "lost", 2, ()))
        await until(lambda: not gateway.mirror.positions[BINANCE].epoch)
        async with aclosing(gateway.live_queries.iterate(RatesQuery(), AT_ONCE, cursor)) as events:
            assert (await following(events)).kind is EventKind.GAP
