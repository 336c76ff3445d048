"""Instruments that their source has halted leave by themselves, say so, and come back."""

import json
from contextlib import aclosing
from datetime import UTC, datetime

import pytest

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.queries.consensus.query import ConsensusQuery
from gateway.queries.consensus.rate import ExclusionReason
from gateway.queries.rate import RateList, UnavailableReason
from gateway.queries.rate_query import RateQuery
from gateway.queries.rates_query import RatesQuery
from gateway.request import GraphQLRequest
from gateway.schema.build import build_schema
from gateway.schema.context import Context
from gateway.settings import GatewaySettings
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import EventKind, RatesEvent
from instruments.instrument import Halt
from rates.errors import NotTrading, UnknownSymbol
from rates.source import Source
from rates.symbol import parse_symbol
from tests.gateway.fakes import ListedInstruments, id_of
from tests.gateway.fixture_types import BuildTicker, Execute, Until
from tests.gateway.subscriptions.test_live_queries import following

BINANCE, COINGECKO = Source.BINANCE, Source.COINGECKO
BTC_USDT, ETH_USDT = parse_symbol("BTC/USDT"), parse_symbol("ETH/USDT")
SINCE = datetime(2026, 11, 22, 11, 30, tzinfo=UTC)
BREAK = Halt("BREAK", SINCE)
SAID = (
    "ETH/USDT is not traded at BINANCE: its listing says 'BREAK', since 2026-11-22T11:30:00+00:00 or before"
)
SCHEMA = build_schema()


@pytest.fixture
async def seen(gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until) -> None:
    """Everything tracked has a price."""
    await cache.write([ticker(price="1"), ticker("ETH/USDT", "2")])
    await cache.write([ticker("BTC/USD", "3", source=COINGECKO), ticker("BTC/USDT", "4", source=COINGECKO)])
    await until(lambda: all(gateway.mirror.positions[each].seq for each in (BINANCE, COINGECKO)))


def missing(answer: RateList | RatesEvent) -> list[tuple[str, Source | None, UnavailableReason]]:
    return [(str(each.symbol), each.source, each.reason) for each in answer.unavailable]


def ids(answer: RateList | RatesEvent) -> list[str]:
    return [id_of(rate) for rate in answer.items]


HALTED_ETH = [("ETH/USDT", BINANCE, UnavailableReason.NOT_TRADING)]


async def test_a_halted_instrument_is_not_answered_and_says_so(
    gateway: Gateway, instruments: ListedInstruments, seen: None
) -> None:
    """By name, in lists and alone, with the source's reason and time, for any last price."""
    instruments.halt(BINANCE, "ETH/USDT", BREAK)
    await gateway.catalog.refresh()
    for query in (
        RatesQuery((ETH_USDT,)),
        RatesQuery((ETH_USDT,), (BINANCE,)),
        RatesQuery(None, (BINANCE,)),
    ):
        answer = gateway.rates.rates(query)
        assert "Rate:BINANCE:ETH/USDT" not in ids(answer)
        assert missing(answer) == HALTED_ETH
        assert answer.unavailable[0].message == SAID
    with pytest.raises(NotTrading, match="BREAK"):
        gateway.rates.rate(ETH_USDT)
    assert gateway.rates.rates(RatesQuery(None, (COINGECKO,))).unavailable == ()


async def test_another_source_answers_for_a_halted_one(
    gateway: Gateway, instruments: ListedInstruments, seen: None
) -> None:
    """The preferred source has halted it: the next one answers, and the list tells of both."""
    instruments.halt(BINANCE, "BTC/USDT", BREAK)
    await gateway.catalog.refresh()
    rate = gateway.rates.rate(BTC_USDT)
    assert rate is not None
    assert id_of(rate) == "Rate:COINGECKO:BTC/USDT"
    answer = gateway.rates.rates(RatesQuery((BTC_USDT,)))
    assert ids(answer) == ["Rate:COINGECKO:BTC/USDT"]
    assert missing(answer) == [("BTC/USDT", BINANCE, UnavailableReason.NOT_TRADING)]


async def test_subscribers_are_told_that_it_left_and_that_it_is_back(
    gateway: Gateway, instruments: ListedInstruments, seen: None
) -> None:
    """A retraction with the reason, then its last known value again; nothing in between."""
    async with aclosing(gateway.live_queries.iterate(RatesQuery((ETH_USDT,)), DeliveryOptions())) as events:
        assert ids(await following(events)) == ["Rate:BINANCE:ETH/USDT"]
        instruments.halt(BINANCE, "ETH/USDT", BREAK)
        await gateway.catalog.refresh()
        left: RatesEvent = await following(events)
        assert (left.kind, ids(left), missing(left)) == (EventKind.UPDATE, [], HALTED_ETH)
        assert left.unavailable[0].message == SAID
        instruments.halt(BINANCE, "ETH/USDT", None)
        await gateway.catalog.refresh()
        back = await following(events)
        assert (ids(back), back.unavailable) == (["Rate:BINANCE:ETH/USDT"], ())


async def test_prices_of_a_halted_instrument_reach_nobody(
    gateway: Gateway, instruments: ListedInstruments, cache: MemoryCache, ticker: BuildTicker, seen: None
) -> None:
    """Dead pairs go on having prices; who watches all is told of the others only."""
    instruments.halt(BINANCE, "ETH/USDT", BREAK)
    await gateway.catalog.refresh()
    async with aclosing(
        gateway.live_queries.iterate(RatesQuery(None, (BINANCE,)), DeliveryOptions())
    ) as events:
        snapshot = await following(events)
        assert (ids(snapshot), missing(snapshot)) == (["Rate:BINANCE:BTC/USDT"], HALTED_ETH)
        await cache.write([ticker("ETH/USDT", "9", sequence=7), ticker(price="8", sequence=8)])
        assert ids(await following(events)) == ["Rate:BINANCE:BTC/USDT"]


@pytest.mark.parametrize("query", [RatesQuery(None, (BINANCE,)), RatesQuery((BTC_USDT, ETH_USDT))])
async def test_who_comes_back_is_told_what_was_halted_meanwhile(
    gateway: Gateway, instruments: ListedInstruments, seen: None, query: RatesQuery
) -> None:
    """Once, with the reason and without a gap; a later resume reports that it trades again."""
    before = gateway.rates.cursor()
    instruments.halt(BINANCE, "ETH/USDT", BREAK)
    await gateway.catalog.refresh()
    async with aclosing(gateway.live_queries.iterate(query, DeliveryOptions(), before)) as events:
        halted = await following(events)
    assert (halted.recovered, ids(halted), missing(halted)) == (True, [], HALTED_ETH)
    instruments.halt(BINANCE, "ETH/USDT", None)
    await gateway.catalog.refresh()
    async with aclosing(gateway.live_queries.iterate(query, DeliveryOptions(), halted.cursor)) as events:
        resumed = await following(events)
    assert (resumed.recovered, ids(resumed), missing(resumed)) == (True, ["Rate:BINANCE:ETH/USDT"], [])


async def test_one_that_is_removed_while_halted_is_tracked_no_more(
    gateway: Gateway, instruments: ListedInstruments, seen: None
) -> None:
    """For subscribers and for questions; one that is added while halted is told as such."""
    eth = [each for each in instruments.instruments if each.symbol == ETH_USDT]
    instruments.halt(BINANCE, "ETH/USDT", BREAK)
    await gateway.catalog.refresh()
    async with aclosing(
        gateway.live_queries.iterate(RatesQuery(None, (BINANCE,)), DeliveryOptions())
    ) as events:
        await following(events)
        instruments.instruments = [each for each in instruments.instruments if each.symbol != ETH_USDT]
        await gateway.catalog.refresh()
        assert missing(await following(events)) == [("ETH/USDT", BINANCE, UnavailableReason.UNKNOWN_SYMBOL)]
        instruments.instruments += eth
        instruments.halt(BINANCE, "ETH/USDT", BREAK)
        await gateway.catalog.refresh()
        assert missing(await following(events)) == HALTED_ETH
    instruments.instruments = [each for each in instruments.instruments if each.symbol != ETH_USDT]
    await gateway.catalog.refresh()
    with pytest.raises(UnknownSymbol):
        gateway.rates.rate(ETH_USDT)


async def test_a_subscription_to_one_rate_waits_or_takes_another_source(
    gateway: Gateway, instruments: ListedInstruments, seen: None
) -> None:
    """The next source by preference while it lasts, the first one again afterwards."""
    async with aclosing(gateway.live_queries.iterate(RateQuery(BTC_USDT), DeliveryOptions())) as rates:
        assert id_of(await following(rates)) == "Rate:BINANCE:BTC/USDT"
        instruments.halt(BINANCE, "BTC/USDT", BREAK)
        await gateway.catalog.refresh()
        assert id_of(await following(rates)) == "Rate:COINGECKO:BTC/USDT"
        instruments.halt(BINANCE, "BTC/USDT", None)
        await gateway.catalog.refresh()
        assert id_of(await following(rates)) == "Rate:BINANCE:BTC/USDT"


async def test_the_source_counts_it_apart(
    gateway: Gateway, instruments: ListedInstruments, seen: None
) -> None:
    """A halted instrument cannot be fresh, and is no reason to call its source degraded."""
    instruments.halt(BINANCE, "ETH/USDT", BREAK)
    await gateway.catalog.refresh()
    (status,) = [each for each in gateway.rates.sources() if each.source is BINANCE]
    assert (status.tracked, status.halted, status.seen) == (1, 1, 1)


async def test_a_consensus_leaves_it_out_and_says_why(
    gateway: Gateway, instruments: ListedInstruments, seen: None
) -> None:
    """A price of before the halt is no opinion; with nobody else there is none at all."""
    query = ConsensusQuery(BTC_USDT)
    assert len(gateway.consensus.consensus(query).contributions) == 2
    instruments.halt(BINANCE, "BTC/USDT", BREAK)
    await gateway.catalog.refresh()
    told = {each.source: each.exclusion for each in gateway.consensus.consensus(query).contributions}
    assert told[BINANCE] is ExclusionReason.NOT_TRADING
    instruments.halt(COINGECKO, "BTC/USDT", BREAK)
    await gateway.catalog.refresh()
    answer = gateway.consensus.consensus(query)
    assert (answer.price, {each.exclusion for each in answer.contributions}) == (
        None,
        {ExclusionReason.NOT_TRADING},
    )


async def test_the_api_tells_all_of_it(
    execute: Execute, gateway: Gateway, instruments: ListedInstruments, seen: None
) -> None:
    """`instruments` with status, word and time; `unavailable`; the error of a single rate."""
    instruments.halt(BINANCE, "ETH/USDT", BREAK)
    await gateway.catalog.refresh()
    query = '{ instruments(filter: {search: "ETH"}) { nodes { id status sourceStatus haltedSince } } }'
    assert (await execute(query)).data["instruments"]["nodes"] == [
        {
            "id": "Instrument:BINANCE:ETH/USDT",
            "status": "HALTED",
            "sourceStatus": "BREAK",
            "haltedSince": "2026-11-22T11:30:00.000Z",
        }
    ]
    query = '{ instruments(filter: {search: "BTC/USDT", source: BINANCE}) { nodes { status sourceStatus haltedSince } } }'
    assert (await execute(query)).data["instruments"]["nodes"] == [
        {"status": "TRADING", "sourceStatus": None, "haltedSince": None}
    ]
    query = '{ rates(symbols: ["ETH/USDT"]) { items { price } unavailable { symbol source { code } reason message } } }'
    assert (await execute(query)).data["rates"] == {
        "items": [],
        "unavailable": [
            {"symbol": "ETH/USDT", "source": {"code": "BINANCE"}, "reason": "NOT_TRADING", "message": SAID}
        ],
    }
    (error,) = (await execute('{ rate(symbol: "ETH/USDT") { price } }')).errors
    assert error.extensions == {
        "code": "NOT_TRADING",
        "symbol": "ETH/USDT",
        "source": "BINANCE",
        "sourceStatus": "BREAK",
        "haltedSince": "2026-11-22T11:30:00+00:00",
    }


async def test_both_ways_of_answering_say_the_same(
    gateway: Gateway, instruments: ListedInstruments, seen: None
) -> None:
    """Before, while and after it is halted, also where the answer was kept from before."""
    context = Context.of(gateway)
    fast, plain = (
        Operations(SCHEMA, context, GatewaySettings(fast_path=fast_path)) for fast_path in (True, False)
    )
    asked = [
        "{ rates { items { id price } unavailable { symbol source { code } reason message } } }",
        '{ rates(symbols: ["BTC/USDT", "ETH/USDT"]) { items { id price } unavailable { reason } } }',
        '{ rates(symbols: ["BTC/USDT"]) { items { id price } } }',
        '{ rate(symbol: "ETH/USDT") { price } }',
    ]
    for halt in (None, BREAK, None):
        for symbol in ("ETH/USDT", "BTC/USDT"):
            instruments.halt(BINANCE, symbol, halt)
            await gateway.catalog.refresh()
            for query in asked * 2:
                body = (await fast.answer(fast.prepare(GraphQLRequest(query)))).body
                expected = await plain.execute(plain.prepare(GraphQLRequest(query)))
                assert json.loads(body) == json.loads(json.dumps(expected))
