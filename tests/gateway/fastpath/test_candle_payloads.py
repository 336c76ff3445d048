"""Live candles have the same bytes on every path, and the values of the query."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from pathlib import Path

import pytest

from gateway.operations import Operations
from gateway.request import GraphQLRequest
from gateway.results import encode
from gateway.schema.build import build_schema
from gateway.schema.context import Context, OperationMetadata
from gateway.settings import GatewaySettings
from gateway.subscriptions.candles_event import LiveCandlesArgs
from gateway.subscriptions.delivery_options import DeliveryOptions
from history.interval import Interval
from history.trade import Trade
from tests.gateway.fakes import wait_until
from tests.gateway.subscriptions.candle_scenario import CandleClient, CandleScenario, describe, open_scenario
from tests.history.trades import at, trade
from tests.lengths import at_length
from tests.pipeline.fakes import BTC

ALL_FIELDS = """
subscription($interval: CandleInterval!, $last: Int!, $zone: String!, $after: String) {
  candles(symbols: ["BTC/USDT", "NO/SUCH"], interval: $interval, last: $last, timeZone: $zone, sampleIntervalMs: 0, after: $after) {
    __typename kind cursor conflatedCount recovered sentAt
    items {
      id symbol source { code ttlMs } interval openTime closeTime open high low close volume quoteVolume tradeCount vwap origin state
      coverage revision asOf simulated
    }
    unavailable { symbol reason }
  }
}
"""
SCHEMA = build_schema()
SETTINGS = GatewaySettings(port=0, fast_path=True)
INTERVALS = [Interval.S1, Interval.M1, Interval.M1, Interval.M5, Interval.H1, Interval.D1]
ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata"]
LENGTH_S = 200
Results = AsyncGenerator[bytes, None]


def make_trades(chance: random.Random) -> list[tuple[datetime, Trade]]:
    """Return numbered trades with the times at which they arrive: some late, with pauses."""
    found, seconds = [], 0.0
    for number in range(1, 900):
        seconds += chance.choice([0.01, 0.1, 0.3, 0.9, 1.7]) if chance.random() > 0.01 else 45
        if seconds > LENGTH_S:
            break
        price, quantity = (
            chance.choice(["100", "100.0", "99.5", "103.25"]),
            chance.choice(["1", "0.10", "2.50"]),
        )
        late_s = chance.uniform(0.3, 20) if chance.random() < 0.05 else chance.uniform(0, 0.15)
        found.append((at(seconds + late_s), trade(number, seconds, price, quantity)))
    return found


class Reader:
    """A consumer of encoded results, which is always waiting."""

    def __init__(self, results: Results) -> None:
        self.bodies: list[bytes] = []
        self._task = asyncio.create_task(self._read(results))

    async def _read(self, results: Results) -> None:
        async with aclosing(results):
            async for body in results:
                self.bodies.append(body)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


async def execute(operations: Operations, request: GraphQLRequest) -> Results:
    """Yield the results of the executor."""
    stream = await operations.iterate_results(operations.prepare(request), OperationMetadata())
    async with aclosing(stream) as results:
        async for result in results:
            yield encode(result)


async def pull(operations: Operations, request: GraphQLRequest) -> Results:
    """Yield the results of the fast path."""
    prepared = operations.prepare(request)
    assert prepared.subscription is not None
    async with aclosing(await operations.iterate(prepared)) as results:
        async for result in results:
            yield result


async def check(scenario: CandleScenario, clients: list[tuple[LiveCandlesArgs, CandleClient]]) -> None:
    """Compare what clients hold with what the query answers now."""
    for query, client in clients:
        answered = {one.candle.open_time: describe(one.candle) for one in await scenario.query(query)}
        held = {start: client.candles[start] for start in client.candles if start in answered}
        assert held, "the present candle at least"
        assert {start: describe(candle) for start, candle in held.items()} == {
            start: answered[start] for start in held
        }


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(at_length(1)))
async def test_every_path_tells_what_the_query_answers(tmp_path: Path, seed: int) -> None:
    """For random trades, late ones among them, and clients that join at any time."""
    chance = random.Random(seed)
    async with open_scenario(tmp_path) as scenario:
        scenario.turns = 60
        operations = Operations(SCHEMA, Context.of(scenario.gateway), SETTINGS)
        scenario.expect_late(make_trades(chance))
        clients: list[tuple[LiveCandlesArgs, CandleClient]] = []
        readers: list[tuple[Reader, Reader]] = []
        while scenario.seconds < LENGTH_S:
            await scenario.run(scenario.seconds + chance.uniform(1, 40), records=chance.random() < 0.7)
            if chance.random() < 0.5:
                # Then the query has everything that was published.
                await scenario.record()
            interval = chance.choice(INTERVALS) if clients else Interval.S1
            zone = chance.choice(ZONES)
            query = LiveCandlesArgs((BTC,), interval, last=chance.choice([0, 1, 5]), zone=zone)
            clients.append((query, await scenario.subscribe(query, options=DeliveryOptions())))
            variables = {"interval": interval.value, "last": query.last, "zone": zone}
            request = GraphQLRequest(ALL_FIELDS, variables)
            readers.append((Reader(execute(operations, request)), Reader(pull(operations, request))))
            # Both have their snapshots before the next batch.
            await wait_until(lambda: all(reader.bodies for reader in readers[-1]))
            await check(scenario, clients)
        for executed, pulled in readers:
            assert executed.bodies == pulled.bodies
            assert len(executed.bodies) > 1 or readers[-1][0] is executed
            await executed.stop()
            await pulled.stop()
        assert any(
            one.candle.revision for _, client in clients for _, event in client.events for one in event.items
        )


@pytest.mark.slow
async def test_a_candle_is_encoded_once_for_all(tmp_path: Path) -> None:
    """Also for subscribers that come later, with other candles beside it."""
    async with open_scenario(tmp_path) as scenario:
        scenario.turns = 60
        operations = Operations(SCHEMA, Context.of(scenario.gateway), SETTINGS)
        scenario.expect([trade(number, number) for number in range(1, 400)])
        await scenario.run(320.5)
        request = GraphQLRequest(ALL_FIELDS, {"interval": "M1", "last": 4, "zone": "UTC"})
        plan = operations.prepare(request).subscription
        assert plan is not None
        readers = [Reader(pull(operations, request)) for _ in range(3)]
        await wait_until(lambda: all(reader.bodies for reader in readers))
        encoder = operations._fast_subscriptions.payload_encoder(plan)
        assert encoder.encoded_count == 5  # type: ignore[union-attr]
        await scenario.run(323)
        bodies = readers[0].bodies
        assert all(reader.bodies[1:] == bodies[1:] for reader in readers)
        items = sum(body.count(b'"openTime"') for body in bodies)
        assert encoder.encoded_count == items  # type: ignore[union-attr]
        for reader in readers:
            await reader.stop()
