"""Readers of a consensus are told, to the last byte and at the same moments, what the plain path tells them: once for all."""

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
    Asked,
    Audience,
    HandedReader,
    Manner,
    busy,
    check,
    crowds,
    questions,
)
from tests.gateway.scenario import Act, acts
from tests.gateway.virtual_time import run_virtually

COMMON = [
    'subscription { consensusRate(symbol: "BTC/USDT", sampleIntervalMs: 0) { price quality contributions { exclusion } } }',
    'subscription { consensusRate(symbol: "BTC/USDT", minSources: 1) { price ageMs contributions { rate { ageMs } } } }',
    'subscription { consensusRate(symbol: "BTC/USDT", minSources: 1, sampleIntervalMs: 900) { price freshness } }',
]


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(script=acts, asked=questions(consensus_subscriptions()))
def test_every_answer_is_that_of_the_plain_path(script: list[Act], asked: list[Asked]) -> None:
    """Whatever happens, whatever is asked, by however many, however slowly each of them reads."""
    check(script, asked)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(script=busy, query=st.sampled_from(COMMON), crowd=crowds)
def test_a_crowd_that_asks_the_same_is_told_what_each_would_be_told_alone(
    script: list[Act], query: str, crowd: tuple[Manner, ...]
) -> None:
    """Those who come later, fall behind and catch up among them."""
    check(script, [Asked(query, {}, crowd)])


@pytest.mark.parametrize(("interval_ms", "most"), [(0, 1), (250, 8)])
def test_a_crowd_is_told_in_few_pieces(interval_ms: int, most: int) -> None:
    """However many there are and whenever they came: one for each moment at which an interval may end."""

    async def play() -> None:
        audience = Audience(100)
        mirroring = asyncio.create_task(audience.stage.mirror.run())
        await audience.stage.refresh()
        query = f'subscription {{ consensusRate(symbol: "BTC/USDT", minSources: 1, sampleIntervalMs: {interval_ms}) {{ price }} }}'
        prepared = audience.operations.prepare(GraphQLRequest(query))
        crowd = [Collector() for _ in range(50)]
        await asyncio.sleep(0.000_1)
        for reader in crowd:
            audience.operations.follow(prepared, reader)
            await asyncio.sleep(0.013_3)
        for number in range(40):
            await audience.stage.cache.write([build_ticker(price=str(number + 1), sequence=number)])
            await asyncio.sleep(0.033)
        await asyncio.sleep(1)
        last = {id(reader.told[-1]): reader.told[-1] for reader in crowd}
        assert {told.body for told in last.values()} == {b'{"data":{"consensusRate":{"price":"40"}}}'}
        assert len(last) <= most
        for reader in crowd:
            assert reader.cohort
            reader.cohort.leave(reader)
        mirroring.cancel()

    run_virtually(play())


class Collector(HandedReader):
    """Reads at once and keeps everything."""

    def __init__(self) -> None:
        super().__init__(Manner(0, (0.0,)), [])
        self.told: list[EncodedPayload] = []

    def tell(self, told: EncodedPayload) -> None:
        self.told.append(told)


def test_the_fast_path_covers_it(fast_operations: Operations) -> None:
    """As a subscription; as a query it is executed."""
    field = 'consensusRate(symbol: "BTC/USDT") { price contributions { rate { price } } }'
    assert fast_operations.prepare(GraphQLRequest(f"subscription {{ {field} }}")).watch
    assert fast_operations.prepare(GraphQLRequest(f"{{ {field} }}")).plan is None
