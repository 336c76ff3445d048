"""One source's listing kept in line for as long as a process lives; the distributed and the embedded system share it."""

import asyncio
from datetime import timedelta

from cache.ports import TickerSink
from instruments.listings import ListingRecords
from instruments.store import InstrumentStore
from pipeline.coordination.local_cooldown import LocalCooldown
from pipeline.health import SourceHealth
from pipeline.listings.listing_sync import ListingSync
from pipeline.ports import Cooldown, RequestBudget, TickClaim
from pipeline.reporter import report_forever
from pipeline.sources.adapter import SourceAdapter, SourceContext
from rates.clock import Clock, utc_now
from rates.health import LISTINGS_ROLE
from runtime.heartbeat import Heartbeat


async def sync_listing(
    stop: asyncio.Event,
    *,
    parts: SourceAdapter,
    interval: timedelta,
    instruments: InstrumentStore,
    claim: TickClaim,
    sink: TickerSink,
    budget: RequestBudget | None,
    cooldown: Cooldown,
    instance: str,
    heartbeat: Heartbeat,
    clock: Clock = utc_now,
) -> None:
    """Have one source's instruments follow its listing until `stop`; at once where it lists nothing that can be asked for.

    Raises:
        InvalidSetting: the source cannot be used as configured.
    """
    if parts.open_listing is None:
        return
    health = SourceHealth(parts.source, role=LISTINGS_ROLE, instance=instance)
    context = SourceContext(
        health=health,
        simulated=instruments.simulated,
        clock=clock,
        budget=budget,
        cooldown=LocalCooldown(cooldown, clock),
    )
    async with parts.open_listing(context) as fetcher, asyncio.TaskGroup() as group:
        keeper = ListingSync(
            fetcher, instruments, ListingRecords(instruments), claim, health, interval=interval, clock=clock
        )
        tasks = [
            group.create_task(report_forever(health, sink, clock=clock, heartbeat=heartbeat)),
            group.create_task(keeper.run()),
        ]
        await stop.wait()
        for task in tasks:
            task.cancel()
