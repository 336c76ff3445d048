"""The fast path delivers the bytes of the executor at the same times."""

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
from tests.gateway.fastpath import documents
from tests.gateway.fastpath.subscribers import (
    SCHEMA,
    ClientOptions,
    SubscriberGroup,
    SubscriptionCase,
    busy,
    cases,
    check,
    client_groups,
)
from tests.gateway.scenario import TICK_S, Step, step_lists
from tests.lengths import at_length
from tests.virtual_time import run_virtually

COMMON = [
    "subscription { rates(maxSilenceMs: 1500) { kind cursor conflatedCount items { id price } unavailable { symbol source { code } } } }",
    "subscription { rates { cursor sentAt conflatedCount items { id ageMs } } }",
    'subscription { rates(symbols: ["BTC/USDT"], sampleIntervalMs: 400) { kind cursor conflatedCount items { price } } }',
    "subscription { rates(minChangeBps: 50, maxSilenceMs: 2000) { kind cursor conflatedCount items { id price } } }",
    'subscription { rate(symbol: "BTC/USDT") { source { code } price ageMs } }',
    'subscription { rate(symbol: "BTC/USDT", sampleIntervalMs: 900) { source { code } price } }',
    'subscription { rate(symbol: "BTC/USDT", minChangeBps: 50, sampleIntervalMs: 300) { source { code } price } }',
]


@pytest.mark.slow
@settings(max_examples=at_length(50), deadline=None)
@given(
    steps=step_lists,
    subscription_cases=cases(documents.subscriptions()),
)
def test_every_event_equals_that_of_the_executor(
    steps: list[Step], subscription_cases: list[SubscriptionCase]
) -> None:
    """For any steps and documents, and any number of clients, however slow."""
    check(steps, subscription_cases)


@pytest.mark.slow
@settings(max_examples=at_length(50), deadline=None)
@given(steps=busy, query=st.sampled_from(COMMON), clients=client_groups)
def test_clients_that_share_payloads_get_what_each_would_get_alone(
    steps: list[Step], query: str, clients: tuple[ClientOptions, ...]
) -> None:
    """Including clients that subscribe later, fall behind and catch up."""
    check(steps, [SubscriptionCase(query, {}, clients)])


def test_a_cohort_whose_answer_may_change_within_the_interval_waits_for_its_end() -> None:
    """Without polling until then: in virtual time that would never end."""

    async def run() -> None:
        btc = TickerKey(Source.BINANCE, parse_symbol("BTC/USDT"))
        # With a stale rate another source is considered a second later, long before the next event may be sent.
        steps = [Step(100, "write", [(btc, 100, 15.003)]), Step(250, "write", [(btc, 101, 0.003)])]
        query = 'subscription { rate(symbol: "BTC/USDT", sampleIntervalMs: 3000) { price } }'
        clients = tuple(ClientOptions(0.000_7, (0.0,)) for _ in range(2))
        for executed, _, pushed in await SubscriberGroup().subscribe(
            steps, [SubscriptionCase(query, {}, clients)]
        ):
            assert pushed == executed
            assert len(pushed) == 2

    run_virtually(run())


def test_subscribers_with_the_same_query_share_payloads() -> None:
    """Fifty subscribers, one event encoded for each change."""
    counts: list[int] = []

    async def run() -> None:
        group = SubscriberGroup()
        encoder = ResponseEncoder(SCHEMA._schema, group.harness.rates)
        subscriptions = FastPathSubscriptions(group.harness.live_queries, encoder)
        following = asyncio.create_task(group.harness.mirror.run())
        await group.harness.refresh()
        await asyncio.sleep(TICK_S)
        query = "subscription { rates { kind cursor items { id price } } }"
        plan = group.operations.prepare(GraphQLRequest(query)).subscription
        assert plan
        streams = [subscriptions.iterate(plan, OperationMetadata()) for _ in range(50)]
        firsts = {await anext(each) for each in streams if each}
        await group.scenario.settle()
        await asyncio.sleep(TICK_S)
        seconds = {await anext(each) for each in streams if each}
        assert len(firsts) == len(seconds) == 1
        payload_encoder = subscriptions.payload_encoder(plan)
        assert isinstance(payload_encoder, RatesPayloadEncoder)
        counts.append(payload_encoder.encoded_count)
        for each in streams:
            if each:
                await each.aclose()
        following.cancel()
        await asyncio.wait([following])

    run_virtually(run())
    assert counts == [2]
