"""Live queries: a snapshot, then changes, with the delivery options asked for."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import TypeVar

import pytest

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.queries.rate_query import RateQuery
from gateway.queries.rates_query import FreshnessPolicy, RatesQuery
from gateway.subscriptions.delivery_options import DeliveryOptions, parse_delivery_options
from gateway.subscriptions.event import EventKind, RatesEvent
from rates.errors import InvalidArgument, UnknownSymbol
from rates.source import Source
from rates.symbol import parse_symbol
from tests.gateway.fakes import FakeClock, ListedInstruments, id_of
from tests.gateway.fixture_types import BuildTicker, Until

BTC_USDT = parse_symbol("BTC/USDT")
AT_ONCE = DeliveryOptions()
T = TypeVar("T")
BINANCE = Source.BINANCE


async def following(events: AsyncGenerator[T, None]) -> T:
    async with asyncio.timeout(60):
        return await anext(events)


def prices(event: RatesEvent) -> list[tuple[str, str]]:
    return [(str(rate.ticker.symbol), str(rate.ticker.price)) for rate in event.items]


async def test_a_snapshot_comes_first_then_what_moved(
    gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until
) -> None:
    """Between the two nothing is lost, repeated or reordered."""
    await cache.write([ticker(price="1"), ticker("ETH/USDT", "7")])
    await until(lambda: gateway.mirror.positions[BINANCE].seq == 1)
    async with aclosing(gateway.live_queries.iterate(RatesQuery(), AT_ONCE)) as events:
        snapshot = await following(events)
        assert (snapshot.kind, prices(snapshot)) == (
            EventKind.SNAPSHOT,
            [("BTC/USDT", "1"), ("ETH/USDT", "7")],
        )
        assert len(snapshot.unavailable) == 2
        assert snapshot.recovered is None
        await cache.write([ticker(price="2", sequence=1)])
        update = await following(events)
        assert (update.kind, prices(update), update.conflated_count) == (
            EventKind.UPDATE,
            [("BTC/USDT", "2")],
            0,
        )
    assert len(gateway.registry) == 0


async def test_a_slow_reader_gets_the_newest_values_and_is_told_how_many_were_merged(
    gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until
) -> None:
    """While it does not read, it holds one value per instrument."""
    async with aclosing(gateway.live_queries.iterate(RatesQuery((BTC_USDT,)), AT_ONCE)) as events:
        await following(events)
        for number in range(1, 51):
            await cache.write([ticker(price=str(number), sequence=number)])
        await until(lambda: gateway.mirror.positions[BINANCE].seq == 50)
        update = await following(events)
        assert (prices(update), update.conflated_count) == ([("BTC/USDT", "50")], 49)


async def test_updates_come_at_most_once_an_interval_with_the_newest_values(
    gateway: Gateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Measured on the loop's clock."""
    loop = asyncio.get_running_loop()
    async with aclosing(
        gateway.live_queries.iterate(RatesQuery((BTC_USDT,)), DeliveryOptions(sample_interval_s=0.1))
    ) as events:
        await following(events)
        before = loop.time()
        await cache.write([ticker(price="1", sequence=1)])
        await cache.write([ticker(price="2", sequence=2)])
        update = await following(events)
        assert loop.time() - before >= 0.09
        assert (prices(update), update.conflated_count) == ([("BTC/USDT", "2")], 1)


async def test_silence_is_broken_by_a_heartbeat_that_claims_nothing_held_back(
    gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until
) -> None:
    """While sampling holds a value back, the cursor stays before it."""
    pace = DeliveryOptions(sample_interval_s=60, max_silence_s=0.05)
    async with aclosing(gateway.live_queries.iterate(RatesQuery((BTC_USDT,)), pace)) as events:
        snapshot = await following(events)
        heartbeat = await following(events)
        assert (heartbeat.kind, heartbeat.items) == (EventKind.HEARTBEAT, ())
        await cache.write([ticker(price="1", sequence=1)])
        await until(lambda: gateway.mirror.positions[BINANCE].seq == 1)
        assert (await following(events)).cursor == snapshot.cursor
        assert gateway.rates.cursor() != snapshot.cursor


async def test_moves_below_the_threshold_are_left_out(
    gateway: Gateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """The move is measured from the value sent last, not from the one before."""
    pace = parse_delivery_options(0, 100.0, 1_000)
    await cache.write([ticker(price="100")])
    async with aclosing(gateway.live_queries.iterate(RatesQuery((BTC_USDT,)), pace)) as events:
        await following(events)
        for number, price in enumerate(["100.9", "100.99", "101.0"], start=1):
            await cache.write([ticker(price=price, sequence=number)])
        assert prices(await following(events)) == [("BTC/USDT", "101.0")]


async def test_an_instrument_added_later_joins_the_stream(
    gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, instruments: ListedInstruments, until: Until
) -> None:
    """Also when its first rate came before we knew that it is tracked."""
    async with aclosing(gateway.live_queries.iterate(RatesQuery(), AT_ONCE)) as events:
        await following(events)
        await cache.write([ticker("SOL/USDT", "5")])
        await until(lambda: gateway.mirror.positions[BINANCE].seq == 1)
        instruments.add(BINANCE, "SOL/USDT")
        assert prices(await following(events)) == [("SOL/USDT", "5")]


async def test_one_rate_follows_the_source_that_would_answer(
    gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, clock: FakeClock, until: Until
) -> None:
    """Binance while it is fresh, else CoinGecko at a similar price, then Binance again."""
    await cache.write([ticker(price="1")])
    await until(lambda: gateway.mirror.positions[BINANCE].seq == 1)
    async with aclosing(gateway.live_queries.iterate(RateQuery(BTC_USDT), AT_ONCE)) as rates:
        assert id_of(await following(rates)) == "Rate:BINANCE:BTC/USDT"
        clock.advance(11)
        await cache.write([ticker(price="1.01", source=Source.COINGECKO, observed_at=clock())])
        assert id_of(await following(rates)) == "Rate:COINGECKO:BTC/USDT"
        await cache.write([ticker(price="1.02", observed_at=clock())])
        await cache.write([ticker(price="1.03", source=Source.COINGECKO, observed_at=clock(), sequence=1)])
        again = await following(rates)
        assert (id_of(again), str(again.ticker.price)) == ("Rate:BINANCE:BTC/USDT", "1.02")


async def test_one_rate_that_was_never_seen_comes_when_it_does(
    gateway: Gateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Waiting is what a subscription is for; only an unknown symbol is an error."""
    async with aclosing(gateway.live_queries.iterate(RateQuery(BTC_USDT), AT_ONCE)) as rates:
        first = asyncio.create_task(following(rates))
        await asyncio.sleep(0)
        await cache.write([ticker(price="1")])
        assert str((await first).ticker.price) == "1"
    with pytest.raises(UnknownSymbol):
        gateway.live_queries.iterate(RateQuery(parse_symbol("NO/SUCH")), AT_ONCE)


@pytest.mark.parametrize(
    "arguments",
    [
        (-1, 0.0),
        (3_600_001, 0.0),
        (0, -0.1),
        (0, float("nan")),
        (0, float("inf")),
        (0, 0.0, 99),
        (0, 0.0, -1),
    ],
)
def test_a_pace_out_of_range_is_refused(arguments: tuple[int, float] | tuple[int, float, int]) -> None:
    """With the range that is expected."""
    with pytest.raises(InvalidArgument):
        parse_delivery_options(*arguments)  # pyrefly: ignore[bad-argument-type]  # each in its place


async def test_an_instrument_that_is_tracked_no_more_is_taken_back(
    gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, instruments: ListedInstruments, until: Until
) -> None:
    """As `unavailable` in an UPDATE; when it is tracked again, its value comes again."""
    await cache.write([ticker(price="1")])
    await until(lambda: gateway.mirror.positions[BINANCE].seq == 1)
    async with aclosing(gateway.live_queries.iterate(RatesQuery((BTC_USDT,), (BINANCE,)), AT_ONCE)) as events:
        cursor = (await following(events)).cursor
        gone = instruments.instruments.pop(0)
        update = await following(events)
        assert [(each.symbol, each.source, each.reason.value) for each in update.unavailable] == [
            (BTC_USDT, BINANCE, "UNKNOWN_SYMBOL")
        ]
        assert (update.kind, update.items) == (EventKind.UPDATE, ())
        instruments.instruments.insert(0, gone)
        assert prices(await following(events)) == [("BTC/USDT", "1")]
    async with aclosing(gateway.live_queries.iterate(RatesQuery(), AT_ONCE, cursor)) as events:
        assert (await following(events)).recovered is True


async def test_a_subscription_can_ask_for_a_recent_trade(
    gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, clock: FakeClock, until: Until
) -> None:
    """`maxTradeAgeMs`.

    A list leaves out quoted rates without a recent trade, a single rate follows the next source.
    """
    limit = timedelta(minutes=1)
    quoted = ticker(price="100", last_trade_at=clock() - timedelta(hours=10))
    traded = ticker(price="101", source=Source.COINGECKO, last_trade_at=clock())
    await cache.write([quoted])
    await cache.write([traded])
    await until(lambda: gateway.mirror.read(traded.key) is not None)
    one = RateQuery(BTC_USDT, None, FreshnessPolicy(max_trade_age=limit))
    async with aclosing(gateway.live_queries.iterate(one, AT_ONCE)) as rates:
        assert (await following(rates)).ticker == traded
    options = DeliveryOptions(max_trade_age=limit)
    async with aclosing(gateway.live_queries.iterate(RatesQuery((BTC_USDT,)), options)) as events:
        snapshot = await following(events)
        assert [rate.ticker for rate in snapshot.items] == [traded]
        assert [each.reason for each in snapshot.unavailable if each.source is BINANCE] == ["STALE"]
        clock.advance(1)
        still_quoted = ticker(price="100", observed_at=clock(), last_trade_at=quoted.last_trade_at)
        await cache.write([still_quoted])
        clock.advance(1)
        again = ticker(price="102", observed_at=clock(), last_trade_at=clock())
        await cache.write([again])
        update = await following(events)
        assert [rate.ticker for rate in update.items] == [again]
