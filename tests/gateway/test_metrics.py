"""`/metrics` as Prometheus reads it."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from cache.memory import MemoryCache
from rates.health import LinkState, SourceReport
from rates.source import Source
from tests.e2e.processes import eventually
from tests.gateway.fakes import FakeClock
from tests.gateway.fixture_types import BuildTicker, Serving


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

        samples = await eventually(ready, within_s=10, what="a gateway that is ready")
    assert samples["ratewire_source_fresh", "BINANCE"] == 1
    assert samples["ratewire_source_silent", "BINANCE"] == 0
    assert samples["ratewire_source_refused", "BINANCE"] == 2
    states = {
        key[2]: value for key, value in samples.items() if key[:2] == ("ratewire_source_state", "BINANCE")
    }
    assert sum(states.values()) == 1
    assert samples["ratewire_source_seen", "COINGECKO"] == 0
    assert samples[("ratewire_gateway_cache_connected",)] == 1
    assert ("ratewire_gateway_cache_reloads_total",) in samples
    assert samples[("process_resident_memory_bytes",)] > 0
