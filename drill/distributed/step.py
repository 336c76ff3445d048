"""One fault: injected, noticed, healed, recovered, and compared with the cache in the end."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cache.redis_client import connect_redis
from cache.redis_feed import RedisTickerFeed
from drill.distributed.clients import SYMBOLS, Clients
from drill.distributed.expected_alerts import alerts_of
from drill.distributed.faults import STALE_S, PartFault
from drill.distributed.judgement import Excuses
from drill.distributed.libraries import LibrarySeen, LibraryViewers
from drill.distributed.monitor import RECONNECTED_S, Monitor
from drill.distributed.notices import Notice
from drill.distributed.system import COINGECKO_TTL_S, DRILLED, REDIS
from rates.redis_keys import RedisKeys

POLL_S = 0.1
# A fault lasts for so long after it was noticed, so that clients meet it.
LASTS_S = 3.0
# What the cache has must have reached every subscriber by then.
DELIVERED_WITHIN_S = 10.0
# Processes count as lost after 10 s, Prometheus looks every two seconds, and over 16 s at counters; the rest is allowance.
ALERTED_WITHIN_S = 30.0
RESOLVED_WITHIN_S = 60.0
# The allowance when clients are cut off: they wait before they reconnect.
BACK_WITHIN_S = 15.0
# CoinGecko is called once in its TTL.
NEW_WITHIN_S = 2 * COINGECKO_TTL_S

Progress = Callable[[str], None]


@dataclass
class StepResult:
    """The outcome of one fault. Times in seconds; None is never."""

    fault: PartFault
    noticed_s: float | None = None
    where: str | None = None
    lasted_s: float = 0.0
    recovered_s: float | None = None
    longest_s: float = 0.0
    gaps: int = 0
    ended: int = 0
    queries: int = 0
    failed: int = 0
    judged: int = 0
    libraries: tuple[LibrarySeen, ...] = ()
    misses: list[str] = field(default_factory=list)


async def run_step(
    fault: PartFault, monitor: Monitor, libraries: LibraryViewers | None, progress: Progress
) -> StepResult:
    """Inject one fault, and judge what came of it."""
    clients, result = monitor.clients, StepResult(fault)
    try:
        await monitor.spread_clients()
    except TimeoutError:
        result.misses.append(f"before it, not all subscribers came back: {monitor.describe() or 'all well'}")
    clients.begin_step(Excuses(held_up_s=fault.held_up_s, loses_cache=fault.loses_cache))
    monitor.begin_step()
    if libraries is not None:
        await libraries.begin_step()
    began = time.monotonic()
    noticing = asyncio.create_task(_notice(fault, monitor, result, began))
    try:
        async with fault.inject(monitor.system):
            progress("injected")
            await noticing
            progress(f"noticed: {result.where}" if result.where else "not noticed")
            await _wait_until_visible(fault, monitor, result)
            result.lasted_s = time.monotonic() - began
    finally:
        noticing.cancel()
    # What was on its way when it was healed proves nothing.
    since = datetime.now(UTC) + timedelta(seconds=LASTS_S)
    await _recover(fault, monitor, result, progress)
    await _resume_some(monitor, result)
    await _compare_with_cache(monitor, result)
    await _wait_for_new_values(monitor, result, since)
    await _wait_until_resolved(fault, monitor, result)
    if libraries is not None:
        result.libraries = await libraries.end_step(result.misses.append, fault.gives_up)
    _sum_up(fault, clients, result)
    return result


async def _notice(fault: PartFault, monitor: Monitor, result: StepResult, began: float) -> None:
    if fault.notice is None:
        return
    result.where = await _wait_for(fault.notice, monitor, fault.noticed_within_s)
    if result.where is None:
        result.misses.append(
            f"not noticed within {fault.noticed_within_s:g} s; seen: {monitor.describe() or 'all well'}"
        )
    else:
        result.noticed_s = time.monotonic() - began


async def _wait_until_visible(fault: PartFault, monitor: Monitor, result: StepResult) -> None:
    if fault.until is not None and await _wait_for(fault.until, monitor, fault.until_s) is None:
        result.misses.append(
            f"waited {fault.until_s:g} s in vain for its later effect; seen: {monitor.describe() or 'all well'}"
        )
    since = datetime.now(UTC)

    async def is_refreshed() -> bool:
        return fault.refreshes is None or monitor.clients.all_observed_since(fault.refreshes, since)

    if not await _within(STALE_S, is_refreshed):
        result.misses.append(f"not every value of {fault.refreshes} was observed anew within {STALE_S:g} s")
    await _wait_until_alerted(fault, monitor, result)
    await asyncio.sleep(LASTS_S)


async def _wait_until_alerted(fault: PartFault, monitor: Monitor, result: StepResult) -> None:
    alerts, expected = monitor.alerts, alerts_of(fault.name)
    if alerts is None:
        return

    async def are_active() -> bool:
        return not alerts.missing(expected)

    if not await _within(ALERTED_WITHIN_S, are_active):
        result.misses.append(f"without the alerts {', '.join(alerts.missing(expected))}")


async def _wait_until_resolved(fault: PartFault, monitor: Monitor, result: StepResult) -> None:
    alerts, expected = monitor.alerts, alerts_of(fault.name)
    if alerts is None:
        return

    async def are_resolved() -> bool:
        return not alerts.still_active(expected)

    if not await _within(RESOLVED_WITHIN_S, are_resolved):
        result.misses.append(f"alerts that stay: {', '.join(alerts.still_active(expected))}")


async def _recover(fault: PartFault, monitor: Monitor, result: StepResult, progress: Progress) -> None:
    healed_at = time.monotonic()

    async def is_recovered() -> bool:
        is_new = all(view.at > healed_at for view in monitor.views.values())
        return is_new and monitor.is_well() and monitor.clients.all_heard_since(healed_at)

    if await _within(fault.recovered_within_s, is_recovered):
        result.recovered_s = time.monotonic() - healed_at
        progress(f"recovered after {result.recovered_s:.1f} s")
        return
    silent = sum(each.last_event_at <= healed_at for each in monitor.clients.subscribers)
    result.misses.append(
        f"not recovered within {fault.recovered_within_s:g} s: {monitor.describe() or 'all well'}; "
        f"{silent} subscribers without an event"
    )


async def _wait_for_new_values(monitor: Monitor, result: StepResult, since: datetime) -> None:
    """Every source must go on: the values of before may be fresh for a while."""

    def find_silent() -> list[str]:
        return [each.name for each in DRILLED if not monitor.clients.all_observed_since(each, since)]

    async def are_new() -> bool:
        return not find_silent()

    if not await _within(NEW_WITHIN_S, are_new):
        result.misses.append(f"no new values of {', '.join(find_silent())} within {NEW_WITHIN_S:g} s")


async def _resume_some(monitor: Monitor, result: StepResult) -> None:
    """Let half of the subscribers leave and resume.

    The cursors from before the fault must still be proved.
    """
    clients, moment = monitor.clients, time.monotonic() + RECONNECTED_S
    for each in clients.subscribers[::2]:
        each.reconnect()

    async def are_back() -> bool:
        return clients.all_heard_since(moment)

    if not await _within(BACK_WITHIN_S, are_back):
        result.misses.append(f"not every subscriber could resume within {BACK_WITHIN_S:g} s")


async def _compare_with_cache(monitor: Monitor, result: StepResult) -> None:
    """Every subscriber must hold what the cache holds, or something newer."""
    truth = await _read_cache(monitor)
    if not truth:
        result.misses.append("the cache is empty")
    missing: list[str] = []

    async def is_complete() -> bool:
        missing[:] = [found for each in monitor.clients.subscribers for found in each.state.missing(truth)]
        return not missing

    if not await _within(DELIVERED_WITHIN_S, is_complete):
        result.misses.append(f"{len(missing)} values lost, such as {missing[0]}")


async def _read_cache(monitor: Monitor) -> Mapping[str, datetime]:
    async with aclosing(await connect_redis(monitor.system.servers[REDIS].url)) as redis:
        feed = RedisTickerFeed(redis, RedisKeys(simulated=True))
        snapshots = [await feed.read_snapshot(source) for source in DRILLED]
    return {
        f"Rate:{snapshot.source.name}:{ticker.symbol}": ticker.observed_at
        for snapshot in snapshots
        for ticker in snapshot.tickers
        if str(ticker.symbol) in SYMBOLS
    }


def _sum_up(fault: PartFault, clients: Clients, result: StepResult) -> None:
    seen = clients.seen
    result.longest_s, result.gaps = clients.longest_s(), clients.gaps
    result.ended, result.queries, result.failed, result.judged = (
        seen.ended,
        seen.queries,
        seen.failed,
        seen.judged,
    )
    result.misses += seen.misses
    allowed_s = result.lasted_s + BACK_WITHIN_S if fault.cuts_off else fault.silence_s
    if result.longest_s > allowed_s:
        result.misses.append(
            f"a subscriber had no event for {result.longest_s:.1f} s, allowed are {allowed_s:.1f} s"
        )


async def _wait_for(notice: Notice, monitor: Monitor, within_s: float) -> str | None:
    found: list[str] = []

    async def look() -> bool:
        if seen := notice(monitor):
            found.append(seen)
        return bool(found)

    return found[0] if await _within(within_s, look) else None


async def _within(seconds: float, condition: Callable[[], Awaitable[bool]]) -> bool:
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL_S)
    return True
