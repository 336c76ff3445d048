"""One source's listing kept in line for as long as a process lives; the distributed and the embedded system share it."""

import asyncio
from datetime import timedelta

from cache.ports import TickerSink
from instruments.listings import ListingRecords
from instruments.store import InstrumentStore
from pipeline.health import SourceHealth
from pipeline.hold.remembered_hold import RememberedHold
from pipeline.listings.keeper import ListingKeeper
from pipeline.ports import CallBudget, Hold, TickClaim
from pipeline.reporter import report_for_ever
from pipeline.sources.parts import SourceParts, Surroundings
from rates.clock import Clock, utc_now
from rates.health import LISTINGS_ROLE
from runtime.heartbeat import Heartbeat


async def keep_listing(
    stop: asyncio.Event,
    *,
    parts: SourceParts,
    interval: timedelta,
    instruments: InstrumentStore,
    claim: TickClaim,
    sink: TickerSink,
    budget: CallBudget | None,
    hold: Hold,
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
    around = Surroundings(
        health=health,
        simulated=instruments.simulated,
        clock=clock,
        budget=budget,
        hold=RememberedHold(hold, clock),
    )
    async with parts.open_listing(around) as fetcher, asyncio.TaskGroup() as group:
        keeper = ListingKeeper(
            fetcher, instruments, ListingRecords(instruments), claim, health, interval=interval, clock=clock
        )
        tasks = [
            group.create_task(report_for_ever(health, sink, clock=clock, heartbeat=heartbeat)),
            group.create_task(keeper.run()),
        ]
        await stop.wait()
        for task in tasks:
            task.cancel()
