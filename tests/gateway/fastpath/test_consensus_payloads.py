"""Payloads of a consensus equal those of the ASGI path in bytes and time, and are shared."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fastpath.payload import EncodedPayload
from gateway.operations import Operations
from gateway.request import GraphQLRequest
from tests.gateway.fakes import build_ticker
from tests.gateway.fastpath.documents import consensus_subscriptions
from tests.gateway.fastpath.subscribers import (
    ClientOptions,
    PushSubscriber,
    SubscriberGroup,
    SubscriptionCase,
    busy,
    cases,
    check,
    client_groups,
)
from tests.gateway.scenario import Step, step_lists
from tests.gateway.virtual_time import run_virtually

COMMON = [
    'subscription { consensusRate(symbol: "BTC/USDT", sampleIntervalMs: 0) { price quality contributions { exclusion } } }',
    'subscription { consensusRate(symbol: "BTC/USDT", minSources: 1) { price ageMs contributions { rate { ageMs } } } }',
    'subscription { consensusRate(symbol: "BTC/USDT", minSources: 1, sampleIntervalMs: 900) { price freshness } }',
]


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(steps=step_lists, subscription_cases=cases(consensus_subscriptions()))
def test_every_answer_is_that_of_the_executor(
    steps: list[Step], subscription_cases: list[SubscriptionCase]
) -> None:
    """Whatever happens, whatever is case, by however many, however slowly each of them reads."""
    check(steps, subscription_cases)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(steps=busy, query=st.sampled_from(COMMON), clients=client_groups)
def test_a_crowd_that_asks_the_same_is_told_what_each_would_be_told_alone(
    steps: list[Step], query: str, clients: tuple[ClientOptions, ...]
) -> None:
    """Those who come later, fall behind and catch up among them."""
    check(steps, [SubscriptionCase(query, {}, clients)])


@pytest.mark.parametrize(("interval_ms", "most"), [(0, 1), (250, 8)])
def test_a_crowd_is_told_in_few_pieces(interval_ms: int, most: int) -> None:
    """However many there are and whenever they came: one for each moment at which an interval may end."""

    async def run() -> None:
        group = SubscriberGroup(100)
        mirroring = asyncio.create_task(group.harness.mirror.run())
        await group.harness.refresh()
        query = f'subscription {{ consensusRate(symbol: "BTC/USDT", minSources: 1, sampleIntervalMs: {interval_ms}) {{ price }} }}'
        prepared = group.operations.prepare(GraphQLRequest(query))
        clients = [Collector() for _ in range(50)]
        await asyncio.sleep(0.000_1)
        for subscriber in clients:
            group.operations.subscribe(prepared, subscriber)
            await asyncio.sleep(0.013_3)
        for number in range(40):
            await group.harness.cache.write([build_ticker(price=str(number + 1), sequence=number)])
            await asyncio.sleep(0.033)
        await asyncio.sleep(1)
        last = {id(subscriber.payloads[-1]): subscriber.payloads[-1] for subscriber in clients}
        assert {payload.body for payload in last.values()} == {b'{"data":{"consensusRate":{"price":"40"}}}'}
        assert len(last) <= most
        for subscriber in clients:
            assert subscriber.cohort
            subscriber.cohort.remove(subscriber)
        mirroring.cancel()

    run_virtually(run())


class Collector(PushSubscriber):
    """Reads at once and keeps everything."""

    def __init__(self) -> None:
        super().__init__(ClientOptions(0, (0.0,)), [])
        self.payloads: list[EncodedPayload] = []

    def deliver(self, payload: EncodedPayload) -> None:
        self.payloads.append(payload)


def test_the_fast_path_covers_it(fast_operations: Operations) -> None:
    """As a subscription; as a query it is executed."""
    field = 'consensusRate(symbol: "BTC/USDT") { price contributions { rate { price } } }'
    assert fast_operations.prepare(GraphQLRequest(f"subscription {{ {field} }}")).subscription
    assert fast_operations.prepare(GraphQLRequest(f"{{ {field} }}")).plan is None
