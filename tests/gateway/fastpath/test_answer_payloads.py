"""The fast path delivers live lists with the bytes and at the times of the executor."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fastpath.answer_payloads import AnswersPayloadEncoder
from gateway.fastpath.payload import EncodedPayload
from gateway.operations import Operations
from gateway.request import GraphQLRequest
from gateway.subscriptions.cohort import Cohort
from tests.gateway.fakes import build_ticker
from tests.gateway.fastpath.documents import (
    consensus_list_subscriptions,
    conversion_list_subscriptions,
    conversion_subscriptions,
)
from tests.gateway.fastpath.subscribers import (
    ClientOptions,
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
    """subscription { consensusRates(symbols: ["BTC/USDT", "ETH/USDT", "A/B"], minSources: 1, sampleIntervalMs: 0) {
        kind conflatedCount items { symbol price quality } unavailable { symbol reason } } }""",
    """subscription { consensusRates(symbols: ["BTC/USDT", "BTC/USD"], minSources: 1, sampleIntervalMs: 900, maxSilenceMs: 1500) {
        kind conflatedCount sentAt items { price ageMs contributions { message rate { ageMs } } } } }""",
    """subscription { conversions(input: [{ amount: 1, from: "BTC", to: "USD" }, { amount: "2.0", from: "USDT", to: "BTC" }]) {
        kind conflatedCount items { amount result legs { usedPrice } } unavailable { code message } } }""",
    'subscription { conversion(amount: 3, from: "ETH", to: "BTC", sampleIntervalMs: 0, onStale: OMIT) { result ageMs } }',
]


@pytest.mark.slow
@settings(max_examples=at_length(50), deadline=None)
@given(
    steps=step_lists,
    subscription_cases=cases(
        consensus_list_subscriptions() | conversion_list_subscriptions() | conversion_subscriptions()
    ),
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


class Collector:
    """A subscriber that is always ready."""

    consuming_s = 0.0

    def __init__(self) -> None:
        self.cohort: Cohort[EncodedPayload] | None = None
        self.payloads: list[EncodedPayload] = []

    @property
    def client(self) -> object:
        return self

    def is_ready(self) -> bool:
        return True

    def notify_when_ready(self) -> None:
        """Do nothing: it is always ready."""

    def deliver(self, payload: EncodedPayload) -> None:
        self.payloads.append(payload)

    def fail(self, error: Exception) -> None:
        raise error


@pytest.mark.slow
@pytest.mark.parametrize(("fields", "most"), [("symbol price", 1), ("symbol price ageMs", 8)])
def test_lists_share_the_encoding_of_a_symbol(fields: str, most: int) -> None:
    """Once per change; with an age in it, once per phase of the interval."""

    async def run() -> None:
        group = SubscriberGroup()
        mirroring = asyncio.create_task(group.harness.mirror.run())
        await group.harness.refresh()
        clients = [Collector() for _ in range(40)]
        await asyncio.sleep(0.000_1)
        for number, subscriber in enumerate(clients):
            query = f"""subscription {{ consensusRates(symbols: ["BTC/USDT", "A{number}/B"], minSources: 1) {{
                items {{ {fields} }} }} }}"""
            prepared = group.operations.prepare(GraphQLRequest(query))
            group.operations.subscribe(prepared, subscriber)
            await asyncio.sleep(0.013_3)
        assert clients[0].cohort
        encoder = clients[0].cohort.live_query.encoder  # type: ignore[attr-defined]  # of its own type
        assert isinstance(encoder, AnswersPayloadEncoder)
        before = encoder.encoded_count
        for number in range(5):
            now = group.scenario.loop.clock()
            await group.harness.cache.write([build_ticker(price=str(number + 1), observed_at=now)])
            await asyncio.sleep(1)
        assert encoder.encoded_count - before <= 5 * most
        assert all(b'"price":"5"' in each.payloads[-1].body for each in clients)
        mirroring.cancel()
        await asyncio.wait([mirroring])

    run_virtually(run())


@pytest.mark.parametrize(
    "field",
    [
        'consensusRates(symbols: ["BTC/USDT"]) { items { price contributions { source { code } rate { price } } } }',
        'conversion(amount: 1, from: "BTC", to: "USDT") { result legs { rate { price } } }',
        'conversions(input: [{ amount: 1, from: "BTC", to: "USDT" }]) { unavailable { code } }',
    ],
)
async def test_subscriptions_are_on_the_fast_path(fast_operations: Operations, field: str) -> None:
    """With everything in them that has no resolver."""
    assert fast_operations.prepare(GraphQLRequest(f"subscription {{ {field} }}")).subscription
