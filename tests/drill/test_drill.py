"""The whole drill, run by its command."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import pytest

from drill.plan import steps_of
from rates.source import Source

pytestmark = [pytest.mark.servers, pytest.mark.alone]

# It takes five minutes, more on a busy machine, and gives up by itself before this.
TIMEOUT_S = 900
GENTLE = {(source, step.name) for source in Source for step in steps_of(source.value) if step.is_undisturbed}


class StepResult(TypedDict):
    """The fields of a step in the JSON report that this test reads."""

    source: str
    step: str
    meanwhile: list[str]


@pytest.mark.timeout(TIMEOUT_S + 30)
async def test_every_fault_is_seen_survived_and_breaks_no_limit(tmp_path: Path) -> None:
    """No step fails: every fault is shown, survived and healed.

    Effects have a state and a reason, no stale value is served as fresh, nothing is lost on resume, every source recovers, no limit
    is violated, and no source is disturbed by another one's fault.
    """
    file = tmp_path / "drill.json"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ratewire", "drill", "--json", str(file)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "200"},
    )
    async with asyncio.timeout(TIMEOUT_S):
        printed, _ = await process.communicate()
    assert file.exists(), printed.decode()[-4000:]
    report = json.loads(file.read_text())
    assert report["misses"] == []
    assert process.returncode == 0
    run_steps = sorted((step["source"], step["step"]) for step in report["steps"])
    assert run_steps == sorted(
        (source.value, step.name) for source in Source for step in steps_of(source.value)
    )
    assert {source for source in Source if _stayed_calm(source, report["steps"])} == set(Source)
    assert all(step["recovered_s"] is not None for step in report["steps"])
    assert report["values_judged"] > 1000
    assert all(not counted["violations"] and not counted["bans"] for counted in report["clients"].values())


def _stayed_calm(source: Source, steps: Sequence[StepResult]) -> bool:
    """Whether the source had to stay undisturbed during another one's outage."""
    calm = [step for step in steps if (step["source"], step["step"]) in GENTLE and step["source"] == source]
    return any(tuple(other.split(" ", 1)) not in GENTLE for step in calm for other in step["meanwhile"])
