"""`/metrics` as Prometheus reads it."""

import asyncio
from contextlib import AsyncExitStack, aclosing

import httpx
import msgspec
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport
from prometheus_client.parser import text_string_to_metric_families
from websockets import Subprotocol

from cache.memory import MemoryCache
from rates.health import LinkState, SourceReport
from rates.source import Source
from tests.e2e.processes import eventually
from tests.gateway.fakes import TIMEOUT_S, FakeClock, ListedInstruments
from tests.gateway.fixture_types import BuildTicker, Serving

GRAPHQL_TRANSPORT_WS = Subprotocol("graphql-transport-ws")


async def read_samples(client: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    """Value by name and label values."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_the_process_and_every_source_are_measured(
    serving: Serving, cache: MemoryCache, ticker: BuildTicker, clock: FakeClock
) -> None:
    """The values are those of the gateway: one fresh rate of Binance, and two refused values."""
    await cache.write([ticker(price="1")])
    report = SourceReport(
        source=Source.BINANCE,
        instance="one",
        role="stream",
        state=LinkState.UP,
        reason=None,
        refused=2,
        reconnects=0,
        reported_at=clock(),
    )
    await cache.report(report)
    async with serving(cache) as served, served.client() as client:

        async def ready() -> dict[tuple[str, ...], float] | None:
            samples = await read_samples(client)
            is_known = samples[("ratewire_gateway_ready",)] and samples["ratewire_source_refused", "BINANCE"]
            return samples if is_known else None

        samples = await eventually(ready, within_s=60, what="a gateway that is ready")
    assert samples["ratewire_source_fresh", "BINANCE"] == 1
    assert samples["ratewire_source_silent", "BINANCE"] == 0
    assert samples["ratewire_source_refused", "BINANCE"] == 2
    states = {
        key[2]: value for key, value in samples.items() if key[:2] == ("ratewire_source_state", "BINANCE")
    }
    assert sum(states.values()) == 1
    assert samples["ratewire_source_seen", "COINGECKO"] == 0
    assert samples[("ratewire_gateway_cache_connected",)] == 1
    assert ("ratewire_event_loop_lag_seconds",) in samples
    assert samples["ratewire_source_reloads_total", "BINANCE"] == 0
    assert samples[("process_resident_memory_bytes",)] > 0


async def test_processes_are_counted_by_role_until_all_of_a_role_are_gone(
    serving: Serving, cache: MemoryCache, clock: FakeClock
) -> None:
    """With a problem: TROUBLED; without a report for 10 s: LOST; later none is left."""

    def report(instance: str, role: str, **fields: object) -> SourceReport:
        usual = SourceReport(
            source=Source.BINANCE,
            instance=instance,
            role=role,
            state=LinkState.UP,
            reason=None,
            refused=0,
            reconnects=0,
            reported_at=clock(),
        )
        return msgspec.structs.replace(usual, **fields)

    async with serving(cache) as served, served.client() as client:
        await served.facts()
        await cache.report(report("one", "stream"))
        await cache.report(report("two", "stream", cache_error="Redis: OutOfMemoryError"))
        await cache.report(report("three", "producer", reason="RabbitMQ is away"))

        async def counted(role: str) -> dict[str, float]:
            samples = await read_samples(client)
            return {
                key[3]: value
                for key, value in samples.items()
                if key[:3] == ("ratewire_source_processes", role, "BINANCE") and value
            }

        async def is_counted() -> bool:
            return bool(await counted("producer"))

        await eventually(is_counted, within_s=60, what="the reports")
        assert await counted("stream") == {"WORKING": 1, "TROUBLED": 1}
        assert await counted("producer") == {"TROUBLED": 1}
        assert (await read_samples(client))["ratewire_source_cache_failing", "BINANCE"] == 1
        clock.advance(11)
        assert await counted("stream") == {"LOST": 2}
        clock.advance(50)
        samples = await read_samples(client)
        assert samples["ratewire_source_processes", "stream", "BINANCE", "LOST"] == 0
        assert samples["ratewire_source_processes", "stream", "BINANCE", "WORKING"] == 0


async def test_unreadable_instruments_are_measured(
    serving: Serving, cache: MemoryCache, instruments: ListedInstruments
) -> None:
    """As in `/health/ready`."""
    async with serving(cache) as served, served.client() as client:
        name = ("ratewire_gateway_instruments_unreadable",)
        assert (await read_samples(client))[name] == 0
        instruments.is_away = True

        async def is_measured() -> bool:
            return (await read_samples(client))[name] == 1

        await eventually(is_measured, within_s=60, what="the failed attempt")


async def test_deliveries_are_counted_for_each_subscription(
    serving: Serving, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Two subscriptions that share payloads get a snapshot each, and an update each."""
    document = gql("subscription { rates { kind } }")
    async with serving(cache) as served, served.client() as client, AsyncExitStack() as stack:
        await served.facts()
        assert (await read_samples(client))[("ratewire_gateway_deliveries_total",)] == 0
        events = []
        for _ in range(2):
            transport = WebsocketsTransport(url=served.ws, subprotocols=[GRAPHQL_TRANSPORT_WS])
            session = await stack.enter_async_context(Client(transport=transport))
            events.append(await stack.enter_async_context(aclosing(session.subscribe(document))))
        async with asyncio.timeout(TIMEOUT_S):
            assert [(await anext(each))["rates"]["kind"] for each in events] == ["SNAPSHOT"] * 2
            await cache.write([ticker(price="1")])
            assert [(await anext(each))["rates"]["kind"] for each in events] == ["UPDATE"] * 2
        assert (await read_samples(client))[("ratewire_gateway_deliveries_total",)] == 4
