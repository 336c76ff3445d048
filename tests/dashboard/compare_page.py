"""Compare the page's use of the main thread with that of another commit.

In pairs of traces, one after the other.

`make bench-page AGAINST=COMMIT` runs it; `PAIRS=9` runs more than three pairs. Each page is opened at a gateway of its own commit,
whose 2,000 instruments move ten times a second each. Exits with 1 where the median of the ratios is above the target.
"""

import asyncio
import os
import statistics
import sys
from pathlib import Path

from bench.checkout import checked_out
from tests.dashboard.browser import browsing
from tests.dashboard.busy_server import busy_server
from tests.dashboard.measure_page import HAS_ROWS, INSTRUMENTS, TRACE_S, say, trace_main_thread
from tests.e2e.processes import ROOT

WARM_UP_S = 20
MOST = 0.7


async def trace_page(folder: Path, python: str) -> float:
    """Return the share of a core that the page of a source tree takes."""
    async with (
        busy_server(INSTRUMENTS, folder=folder, python=python) as server,
        browsing(server.url, is_whole=True) as browser,
    ):
        await browser.open("/")
        await browser.until(HAS_ROWS)
        await asyncio.sleep(WARM_UP_S)
        begun = len(server.rates_a_second)
        share = await trace_main_thread(browser, TRACE_S)
        say(f"  at {statistics.mean(server.rates_a_second[begun:]):,.0f} rates a second")
    return share


async def compare(pairs: int, other: tuple[Path, str]) -> list[float]:
    """Return the ratio of each pair, this tree to the other."""
    this, ratios = (ROOT, sys.executable), []
    for pair in range(1, pairs + 1):
        # What goes first may find a cooler machine.
        order = (this, other) if pair % 2 else (other, this)
        shares = {}
        for tree in order:
            say(f"pair {pair}: {'this' if tree is this else 'other'}")
            shares[tree] = await trace_page(*tree)
        ratios.append(shares[this] / shares[other])
        say(f"pair {pair}: x {ratios[-1]:.2f}")
    return ratios


def main(revision: str, pairs: int) -> int:
    """The exit code."""
    with checked_out(revision) as checkout:
        say(f"against {checkout.title}")
        ratios = asyncio.run(compare(pairs, (checkout.folder, checkout.python)))
    median = statistics.median(ratios)
    say(
        f"main thread x {median:.2f}, median of {pairs} pairs from {min(ratios):.2f} to {max(ratios):.2f}; target x {MOST}"
    )
    return 0 if median <= MOST else 1


if __name__ == "__main__":
    sys.exit(main(os.environ["AGAINST"], int(os.environ.get("PAIRS") or 3)))
