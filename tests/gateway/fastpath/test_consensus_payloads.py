"""The fast path delivers a consensus with the bytes and at the times of the executor."""

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
from tests.lengths import at_length
from tests.virtual_time import run_virtually

COMMON = [
    'subscription { consensusRate(symbol: "BTC/USDT", sampleIntervalMs: 0) { price quality contributions { exclusion } } }',
    'subscription { consensusRate(symbol: "BTC/USDT", minSources: 1) { price ageMs contributions { rate { ageMs } } } }',
    'subscription { consensusRate(symbol: "BTC/USDT", minSources: 1, sampleIntervalMs: 900) { price freshness } }',
]


@pytest.mark.slow
@settings(max_examples=at_length(50), deadline=None)
@given(steps=step_lists, subscription_cases=cases(consensus_subscriptions()))
def test_every_answer_equals_that_of_the_executor(
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


@pytest.mark.parametrize(("interval_ms", "most"), [(0, 1), (250, 8)])
def test_many_clients_share_few_payloads(interval_ms: int, most: int) -> None:
    """One for each phase at which an interval may end, whenever they subscribed."""

    async def run() -> None:
        group = SubscriberGroup()
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
    """A subscriber that is always ready and keeps all payloads."""

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
