"""Measure the page's use of the viewer's machine.

2,000 instruments, ten updates a second each, ten minutes.

`make bench-page` runs it. Prints each minute how busy the page's main thread was and how much of its heap is alive after a
collection; in the middle a trace of Chromium measures the same. At the end it prints how heap, elements and listeners have grown,
as the line of least squares through all minutes. Exits with 1 where a target is missed. `MINUTES=1` is shorter, `MINUTES=60` shows
what piles up slowly.
"""

import asyncio
import os
import statistics
import sys
from collections.abc import Sequence

from tests.dashboard.browser import MIB, Browser, Cost, browsing
from tests.dashboard.busy_server import busy_server

INSTRUMENTS = 2_000
TRACE_S = 20
MINUTE_S = 60
HOUR_S = 3_600
# Caches of the engine fill within the first minute; after it nothing may pile up.
WARM_UP_S = 30
MOST_BUSY = 0.5
MOST_GROWTH = 1.1
HAS_ROWS = "document.querySelectorAll('.grid [role=rowheader]').length > 10"


async def measure(browser: Browser, minutes: int) -> tuple[float, list[Cost]]:
    """Return the main thread's share of a core, and the page's cost after each minute."""
    await browser.open("/")
    await browser.until(HAS_ROWS, within_s=60)
    await asyncio.sleep(WARM_UP_S)
    before = await browser.cost()
    costs = [before]
    traced = 0.0
    for minute in range(1, minutes + 1):
        if minute == (minutes + 1) // 2:
            traced = await trace_main_thread(browser, TRACE_S)
            before = await browser.cost()
        await asyncio.sleep(MINUTE_S)
        now = await browser.cost()
        busy = (now["busy"] - before["busy"]) / (now["at"] - before["at"])
        say(
            f"minute {minute}: busy {busy:.0%}, heap {now['heap'] / MIB:.2f} MiB, {now['nodes']:.0f} nodes, {now['listeners']:.0f} listeners"
        )
        costs.append(now)
        before = now
    return traced, costs


async def trace_main_thread(browser: Browser, seconds: float) -> float:
    """Return the share of a core that the page's main thread takes."""
    trace = await browser.trace(seconds)
    share = trace["cpu"] / trace["seconds"]
    say(
        f"trace of {seconds} s: {share:.1%} of a core ({trace['wall'] / trace['seconds']:.0%} by the wall clock), "
        f"{trace['received'] / trace['seconds'] / 1000:,.0f} kB/s received"
    )
    return share


def growth_an_hour(costs: Sequence[Cost]) -> tuple[float, float, float]:
    """Return how many bytes, nodes and listeners are added in an hour."""
    times = [cost["at"] for cost in costs]
    heap, nodes, listeners = (
        statistics.linear_regression(times, values).slope * HOUR_S
        for values in (
            [cost["heap"] for cost in costs],
            [cost["nodes"] for cost in costs],
            [cost["listeners"] for cost in costs],
        )
    )
    return heap, nodes, listeners


def grown(costs: Sequence[Cost]) -> float:
    """Return the ratio of the heap's medians in the second and the first half of the minutes.

    A collection may leave a tenth of it or not, so single minutes say little; of three or fewer there is nothing better.
    """
    heaps = [cost["heap"] for cost in costs]
    if len(heaps) < 5:
        return heaps[-1] / heaps[0]
    middle = (len(heaps) + 1) // 2
    return statistics.median(heaps[middle:]) / statistics.median(heaps[1:middle])


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def main(minutes: int) -> int:
    """The exit code."""
    async with busy_server(INSTRUMENTS) as server, browsing(server.url, is_whole=True) as browser:
        traced, costs = await measure(browser, minutes)
        rates = server.rates_a_second
    growth = grown(costs)
    heap, nodes, listeners = growth_an_hour(costs)
    say(
        f"growth an hour, by {minutes} minutes: heap {heap / MIB:+.2f} MiB, {nodes:+.0f} nodes, {listeners:+.0f} listeners"
    )
    say(
        f"written: {sum(rates) / len(rates):,.0f} rates a second; main thread {traced:.0%}; heap x {growth:.2f}"
    )
    return 0 if traced < MOST_BUSY and growth < MOST_GROWTH else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(os.environ.get("MINUTES") or 10))))
