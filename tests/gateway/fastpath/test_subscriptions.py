"""Subscribers are told, to the last byte and at the same moments, what the plain path tells them."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fastpath.response_encoder import ResponseEncoder
from gateway.fastpath.subscriptions import FastPathSubscriptions, RatesPayloadEncoder
from gateway.request import GraphQLRequest
from gateway.schema.context import OperationMetadata
from rates.source import Source
from rates.symbol import parse_symbol
from rates.ticker import TickerKey
from tests.gateway.fastpath.documents import subscriptions
from tests.gateway.fastpath.subscribers import SCHEMA, Asked, Audience, Manner, busy, check, crowds, questions
from tests.gateway.scenario import TICK_S, Act, acts
from tests.gateway.virtual_time import run_virtually

COMMON = [
    "subscription { rates(maxSilenceMs: 1500) { kind cursor conflated items { id price } unavailable { symbol source } } }",
    "subscription { rates { cursor sentAt conflated items { id ageMs } } }",
    'subscription { rates(symbols: ["BTC/USDT"], sampleIntervalMs: 400) { kind cursor conflated items { price } } }',
    "subscription { rates(minChangeBps: 50, maxSilenceMs: 2000) { kind cursor conflated items { id price } } }",
    'subscription { rate(symbol: "BTC/USDT") { source price ageMs } }',
    'subscription { rate(symbol: "BTC/USDT", sampleIntervalMs: 900) { source price } }',
    'subscription { rate(symbol: "BTC/USDT", minChangeBps: 50, sampleIntervalMs: 300) { source price } }',
]


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(script=acts, asked=questions(subscriptions()), stream_length=st.sampled_from([100, 3]))
def test_every_event_is_that_of_the_plain_path(
    script: list[Act], asked: list[Asked], stream_length: int
) -> None:
    """Whatever happens, whatever is asked, by however many, however slowly each of them reads."""
    check(script, asked, stream_length)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(script=busy, query=st.sampled_from(COMMON), crowd=crowds)
def test_a_crowd_that_asks_the_same_is_told_what_each_would_be_told_alone(
    script: list[Act], query: str, crowd: tuple[Manner, ...]
) -> None:
    """Those who come later, fall behind and catch up among them."""
    check(script, [Asked(query, {}, crowd)])


def test_a_crowd_whose_answer_may_turn_before_it_may_be_told_waits_for_the_time() -> None:
    """It does not look over and over till then: in virtual time that would never end."""

    async def play() -> None:
        btc = TickerKey(Source.BINANCE, parse_symbol("BTC/USDT"))
        # With a stale value another source is considered a second later, long before the next event may be told.
        script = [Act(100, "write", [(btc, 100, 15.003)]), Act(250, "write", [(btc, 101, 0.003)])]
        query = 'subscription { rate(symbol: "BTC/USDT", sampleIntervalMs: 3000) { price } }'
        crowd = tuple(Manner(0.000_7, (0.0,)) for _ in range(2))
        for plain, _, handed in await Audience(100).watch(script, [Asked(query, {}, crowd)]):
            assert handed == plain
            assert len(handed) == 2

    run_virtually(play())


def test_readers_of_the_same_rates_share_what_is_written() -> None:
    """Fifty subscribers, one event put together for each change."""
    counts: list[int] = []

    async def play() -> None:
        audience = Audience(100)
        encoder = ResponseEncoder(SCHEMA._schema, audience.stage.rates)
        events = FastPathSubscriptions(audience.stage.live_queries, audience.stage.consensus, encoder)
        following = asyncio.create_task(audience.stage.mirror.run())
        await audience.stage.refresh()
        await asyncio.sleep(TICK_S)
        query = "subscription { rates { kind cursor items { id price } } }"
        watch = audience.operations.prepare(GraphQLRequest(query)).watch
        assert watch
        streams = [events.watch(watch, OperationMetadata()) for _ in range(50)]
        firsts = {await anext(each) for each in streams if each}
        await audience.play.settle()
        await asyncio.sleep(TICK_S)
        seconds = {await anext(each) for each in streams if each}
        assert len(firsts) == len(seconds) == 1
        counts.append(events.writer(watch.root.field, RatesPayloadEncoder).written)
        for each in streams:
            if each:
                await each.aclose()
        following.cancel()
        await asyncio.wait([following])

    run_virtually(play())
    assert counts == [2]
