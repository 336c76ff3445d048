"""The subscription `sources`: reports of pipeline processes reach subscribers."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta
from itertools import pairwise

from cache.source_rules import SourceState, SourceStatus
from pipeline.health import SourceHealth
from pipeline.ingest import Ingest
from rates.errors import SourceBlocked, SourceRateLimited, SourceUnavailable
from rates.source import Source
from tests.gateway.fakes import ListedInstruments, build_ticker
from tests.gateway.harness import FailingCache, Harness
from tests.virtual_time import VirtualTimeLoop, run_virtually

BINANCE = Source.BINANCE


class SourcesScenario:
    """A harness, pipeline processes that report on Binance, and a subscriber of the sources."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.loop = loop
        self.cache = FailingCache()
        self.harness = Harness(self.cache, ListedInstruments((BINANCE, "BTC/USDT"), (BINANCE, "ETH/USDT")))
        self.received: list[tuple[float, SourceStatus]] = []

    def process(self, name: str) -> tuple[SourceHealth, Ingest]:
        health = SourceHealth(BINANCE, role="consumer", instance=name)
        health.record_success()
        skew = timedelta(seconds=10)
        return health, Ingest(self.cache, health, max_skew=skew, clock=self.loop.clock)

    async def report(self, *healths: SourceHealth) -> None:
        for health in healths:
            await self.cache.report(health.report(self.loop.clock()))

    async def watch(self) -> None:
        async with aclosing(self.harness.live_queries.iterate_sources()) as events:
            async for statuses in events:
                self.received.append((self.loop.time(), statuses[0]))

    async def run(self, steps: Callable[[], Awaitable[None]]) -> None:
        await self.harness.refresh()
        tasks = [asyncio.create_task(self.harness.mirror.run()), asyncio.create_task(self.watch())]
        await steps()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def test_rejected_tickers_are_summed_over_all_running_processes() -> None:
    """A restarted process counts from zero, and one without reports is dropped."""

    async def main() -> None:
        scenario = SourcesScenario()

        async def steps() -> None:
            one, ingest = scenario.process("one")
            other, other_ingest = scenario.process("other")
            future = scenario.loop.clock() + timedelta(seconds=60)
            await ingest.write([build_ticker(price="0"), build_ticker(observed_at=future), build_ticker()])
            await other_ingest.write([build_ticker(price="-1")])
            await scenario.report(one, other)
            await asyncio.sleep(1.5)
            assert scenario.received[-1][1].refused == 3
            again, _ = scenario.process("one")
            await scenario.report(again)
            await asyncio.sleep(1)
            assert scenario.received[-1][1].refused == 1
            for _ in range(61):
                await scenario.report(again)
                await asyncio.sleep(1)
            assert scenario.received[-1][1].refused == 0

        await scenario.run(steps)

    run_virtually(main())


def test_every_change_of_a_source_is_sent_with_its_reason_at_most_once_a_second() -> None:
    """Up, rate limited, blocked, down, stalled, up again; nothing is sent while nothing changes."""

    async def main() -> None:
        scenario = SourcesScenario()

        async def steps() -> None:
            health, ingest = scenario.process("one")
            seen = []
            for error in (
                None,
                SourceRateLimited("binance", "429", retry_at=scenario.loop.clock()),
                SourceBlocked("binance", "418"),
                SourceUnavailable("binance", "timeout"),
            ):
                await ingest.write(
                    [
                        build_ticker(each, observed_at=scenario.loop.clock())
                        for each in ("BTC/USDT", "ETH/USDT")
                    ]
                )
                if error is None:
                    health.record_success()
                else:
                    health.record_failure(error)
                await scenario.report(health)
                await asyncio.sleep(2)
                seen.append(scenario.received[-1][1])
            health.record_success()
            for _ in range(6):
                await scenario.report(health)
                await asyncio.sleep(2)
            seen.append(scenario.received[-1][1])
            assert [each.state for each in seen] == [
                SourceState.UP,
                SourceState.RATE_LIMITED,
                SourceState.BLOCKED,
                SourceState.DOWN,
                SourceState.STALLED,
            ]
            assert [each.reason is None for each in seen] == [True, False, False, False, False]

        await scenario.run(steps)
        times = [at for at, _ in scenario.received]
        assert all(later - earlier >= 0.999 for earlier, later in pairwise(times))
        statuses = [status for _, status in scenario.received]
        assert all(one != other for one, other in pairwise(statuses))

    run_virtually(main())
