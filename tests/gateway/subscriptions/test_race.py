"""Snapshots race updates in random schedules: nothing is lost, repeated or reordered."""

import asyncio
import random
from contextlib import aclosing

import pytest

from gateway.queries.rates_query import RatesQuery
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import EventKind, RatesEvent
from rates.source import Source
from tests.gateway.fakes import ListedInstruments, build_ticker, wait_until
from tests.gateway.harness import FailingCache, Harness
from tests.lengths import at_length
from tests.virtual_time import run_virtually

LAST = 13
SUBSCRIBERS = 4


class Race:
    """A writer of the numbers from 1 to `LAST`, and subscribers; all yield at random points."""

    def __init__(self, seed: int, *, with_losses: bool) -> None:
        self.random = random.Random(seed)
        self.with_losses = with_losses
        self.cache = FailingCache(delay=self.pause)
        self.harness = Harness(self.cache, ListedInstruments((Source.BINANCE, "BTC/USDT")))

    async def run(self) -> None:
        await self.harness.refresh()
        mirror = asyncio.create_task(self.harness.mirror.run())
        await wait_until(lambda: self.harness.mirror.loaded)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.write())
            for _ in range(SUBSCRIBERS):
                tasks.create_task(self.read())
        mirror.cancel()
        await asyncio.wait([mirror])
        assert len(self.harness.registry) == 0

    async def pause(self) -> None:
        for _ in range(self.random.randrange(4)):
            await asyncio.sleep(0)

    async def write(self) -> None:
        for number in range(1, LAST + 1):
            # The last message reveals any gap before it.
            if self.with_losses and number < LAST:
                self.cache.to_drop = self.random.random() < 0.2
                if self.random.random() < 0.1:
                    self.cache.lose_subscriptions()
            await self.cache.write([build_ticker(price=str(number), sequence=number)])
            self.cache.to_drop = 0
            await self.pause()

    async def read(self) -> None:
        """Resume with the last cursor until the last number is received."""
        cursor: str | None = None
        log = NumberLog()
        while log.seen < LAST:
            await self.pause()
            async with aclosing(
                self.harness.live_queries.iterate(RatesQuery(), DeliveryOptions(), cursor)
            ) as events:
                for _ in range(self.random.randint(1, 5)):
                    event = await anext(events)
                    log.record(event)
                    assert self.with_losses or log.counted == log.seen
                    cursor = event.cursor
                    if log.seen == LAST:
                        break
                    await self.pause()


class NumberLog:
    """The last number received, and the count of numbers received or conflated."""

    def __init__(self) -> None:
        self.seen = self.counted = 0
        self._joined = True

    def record(self, event: RatesEvent) -> None:
        # Numbers missed while disconnected are not counted.
        self._joined |= event.kind is EventKind.SNAPSHOT
        for rate in event.items:
            number = int(rate.ticker.price)
            assert number > self.seen
            self.counted = number if self._joined else self.counted + 1 + event.conflated_count
            self.seen, self._joined = number, False


@pytest.mark.slow
@pytest.mark.parametrize("with_losses", [False, True], ids=["whole", "with gaps and reconnects"])
def test_snapshot_and_update_never_race(*, with_losses: bool) -> None:
    """Each number is received or counted as conflated, by subscribers that join and resume."""
    for seed in range(at_length(500)):
        run_virtually(_race(seed, with_losses=with_losses), seed)


async def _race(seed: int, *, with_losses: bool) -> None:
    await Race(seed, with_losses=with_losses).run()
