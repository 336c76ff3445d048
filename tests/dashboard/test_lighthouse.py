"""Lighthouse finds little to improve on the market, on loopback."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.dashboard.browser import find_chromium
from tests.e2e.processes import ROOT

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.servers,
    pytest.mark.alone,
    pytest.mark.long,
    pytest.mark.timeout(900),
]

LIGHTHOUSE = ROOT / "tests" / "lighthouse" / "node_modules" / ".bin" / "lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices")
LEAST = 0.95
MOST_SHIFT = 0.1
RUNS = 5


async def audit(url: str, folder: Path) -> tuple[dict[str, float], float]:
    """Each category's score, from 0 to 1, and the layout shift of a run on a simulated desktop."""
    report = folder / "report.json"
    process = await asyncio.create_subprocess_exec(
        *(str(LIGHTHOUSE), url, "--quiet", "--preset=desktop", "--output=json", f"--output-path={report}"),
        f"--only-categories={','.join(CATEGORIES)}",
        "--chrome-flags=--headless=new --no-sandbox --disable-gpu --disable-background-networking",
        env={**os.environ, "CHROME_PATH": find_chromium(is_whole=True)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    found = json.loads(report.read_text())
    scores = {name: found["categories"][name]["score"] for name in CATEGORIES}
    return scores, found["audits"]["cumulative-layout-shift"]["numericValue"]


@pytest.mark.parametrize("path", ["/", "/?symbol=BTC/USDT", "/wall?symbols=BTC/USDT,ETH/USDT"])
async def test_the_scores_are_at_least_95(embedded: str, path: str, tmp_path: Path) -> None:
    """Performance, accessibility and best practices, and little shifts.

    The best of some runs: other work disturbs them.
    """
    best: dict[str, float] = dict.fromkeys(CATEGORIES, 0)
    for _ in range(RUNS):
        scores, shift = await audit(embedded + path, tmp_path)
        sys.stdout.write(f"{path}: {scores}, shift {shift:.3f}\n")
        # No load of the machine makes a page shift.
        assert shift <= MOST_SHIFT
        best = {name: max(best[name], scores[name]) for name in CATEGORIES}
        if min(best.values()) >= LEAST:
            break
    assert min(best.values()) >= LEAST, best
