"""Snapshot against update, a thousand schedules drawn by lot: nothing lost, repeated or out of order."""

import asyncio
import random
from contextlib import aclosing

import pytest

from gateway.queries.rates_query import RatesQuery
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import RatesEvent, RatesEventKind
from rates.source import Source
from tests.gateway.fakes import ListedInstruments, build_ticker, wait_until
from tests.gateway.harness import FailingCache, Harness
from tests.gateway.virtual_time import run_virtually

LAST = 13
READERS = 4


class Race:
    """A writer of the numbers from 1 to `LAST`, and readers; all yield at random points."""

    def __init__(self, seed: int, *, with_losses: bool) -> None:
        self.lot = random.Random(seed)
        self.with_losses = with_losses
        self.cache = FailingCache(stream_length=LAST, delay=self.pause)
        self.harness = Harness(self.cache, ListedInstruments((Source.BINANCE, "BTC/USDT")))

    async def run(self) -> None:
        await self.harness.refresh()
        mirror = asyncio.create_task(self.harness.mirror.run())
        await wait_until(lambda: self.harness.mirror.loaded)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.write())
            for _ in range(READERS):
                tasks.create_task(self.read())
        mirror.cancel()
        await asyncio.wait([mirror])
        assert len(self.harness.registry) == 0

    async def pause(self) -> None:
        for _ in range(self.lot.randrange(4)):
            await asyncio.sleep(0)

    async def write(self) -> None:
        for number in range(1, LAST + 1):
            # The last message tells of any gap before it.
            if self.with_losses and number < LAST:
                self.cache.to_drop = self.lot.random() < 0.2
                if self.lot.random() < 0.1:
                    self.cache.lose_subscriptions()
            await self.cache.write([build_ticker(price=str(number), sequence=number)])
            self.cache.to_drop = 0
            await self.pause()

    async def read(self) -> None:
        """One client: comes back with its cursor until it has the last number."""
        cursor: str | None = None
        account = Account()
        while account.seen < LAST:
            await self.pause()
            async with aclosing(
                self.harness.live_queries.iterate(RatesQuery(), DeliveryOptions(), cursor)
            ) as events:
                for _ in range(self.lot.randint(1, 5)):
                    event = await anext(events)
                    account.enter(event)
                    assert self.with_losses or account.heard == account.seen
                    cursor = event.cursor
                    if account.seen == LAST:
                        break
                    await self.pause()


class Account:
    """The number told last, and how many were told or counted as merged."""

    def __init__(self) -> None:
        self.seen = self.heard = 0
        self._joined = True

    def enter(self, event: RatesEvent) -> None:
        # What a reader missed while it was away is not counted, however it comes.
        self._joined |= event.kind is RatesEventKind.SNAPSHOT
        for rate in event.items:
            number = int(rate.ticker.price)
            assert number > self.seen
            self.heard = number if self._joined else self.heard + 1 + event.conflated
            self.seen, self._joined = number, False


@pytest.mark.slow
@pytest.mark.parametrize("with_losses", [False, True], ids=["whole", "with gaps and reconnects"])
def test_snapshot_and_update_never_race(*, with_losses: bool) -> None:
    """Readers join, leave and come back with their cursors while values arrive; each number is told or counted as merged."""
    for seed in range(1_000):
        run_virtually(_race(seed, with_losses=with_losses), seed)


async def _race(seed: int, *, with_losses: bool) -> None:
    await Race(seed, with_losses=with_losses).run()
