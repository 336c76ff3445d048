"""Measure the page's use of the viewer's machine.

2,000 instruments, ten updates a second each, ten minutes.

`make bench-page` runs it. Prints each minute how busy the page's main thread was and how much of its heap is alive after a
collection; in the middle a trace of Chromium measures the same. Exits with 1 where a target is missed; `MINUTES=1` is shorter.
"""

import asyncio
import os
import sys

from tests.dashboard.browser import MIB, Browser, browsing
from tests.dashboard.busy_server import busy_server

INSTRUMENTS = 2_000
TRACE_S = 20
MINUTE_S = 60
# Caches of the engine fill within the first minute; after it nothing may pile up.
WARM_UP_S = 30
MOST_BUSY = 0.5
MOST_GROWTH = 1.1


async def measure(browser: Browser, minutes: int) -> tuple[float, float]:
    """Return the main thread's share of a core, and the factor by which the heap has grown."""
    await browser.open("/")
    await browser.until("document.querySelectorAll('.grid [role=rowheader]').length > 10", within_s=60)
    await asyncio.sleep(WARM_UP_S)
    first = before = await browser.cost()
    traced = 0.0
    for minute in range(1, minutes + 1):
        if minute == (minutes + 1) // 2:
            trace = await browser.trace(TRACE_S)
            traced = trace["cpu"] / trace["seconds"]
            _say(
                f"trace of {TRACE_S} s: {traced:.0%} of a core ({trace['wall'] / trace['seconds']:.0%} by the wall clock)"
            )
            before = await browser.cost()
        await asyncio.sleep(MINUTE_S)
        now = await browser.cost()
        busy = (now["busy"] - before["busy"]) / (now["at"] - before["at"])
        _say(f"minute {minute}: busy {busy:.0%}, heap {now['heap'] / MIB:.1f} MiB, {now['nodes']:.0f} nodes")
        before = now
    return traced, before["heap"] / first["heap"]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def main(minutes: int) -> int:
    """The exit code."""
    async with busy_server(INSTRUMENTS) as server, browsing(server.url) as browser:
        traced, growth = await measure(browser, minutes)
        rates = server.rates_a_second
    _say(
        f"written: {sum(rates) / len(rates):,.0f} rates a second; main thread {traced:.0%}; heap x {growth:.2f}"
    )
    return 0 if traced < MOST_BUSY and growth < MOST_GROWTH else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(os.environ.get("MINUTES") or 10))))
