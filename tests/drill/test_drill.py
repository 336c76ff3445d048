"""The drill itself, by the command that people use."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from drill.plan import steps_of
from rates.source import Source

# Two minutes; more on a busy machine. The drill itself gives up before that.
LONGEST_S = 540
GENTLE = {(source, step.name) for source in Source for step in steps_of(source.value) if step.is_undisturbed}


@pytest.mark.timeout(LONGEST_S + 30)
async def test_every_fault_is_seen_survived_and_breaks_no_limit(tmp_path: Path) -> None:
    """All steps without a miss: noticed with state and reason, no stale value served as fresh, nothing lost between cursor
    and resuming, well again, and no limit broken; and no source was disturbed by what others had at that time.
    """
    file = tmp_path / "drill.json"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ratewire", "drill", "--json", str(file)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "200"},
    )
    async with asyncio.timeout(LONGEST_S):
        printed, _ = await process.communicate()
    assert file.exists(), printed.decode()[-4000:]
    report = json.loads(file.read_text())
    assert report["misses"] == []
    assert process.returncode == 0
    walked = sorted((step["source"], step["step"]) for step in report["steps"])
    assert walked == sorted((source.value, step.name) for source in Source for step in steps_of(source.value))
    assert {source for source in Source if _stood_by(source, report["steps"])} == set(Source)
    assert all(step["recovered_s"] is not None for step in report["steps"])
    assert report["values_judged"] > 1000
    assert all(not counted["violations"] and not counted["bans"] for counted in report["clients"].values())


def _stood_by(source: Source, steps: Sequence[dict[str, Any]]) -> bool:
    """Whether it had to stay undisturbed while another had an outage."""
    calm = [step for step in steps if (step["source"], step["step"]) in GENTLE and step["source"] == source]
    return any(tuple(other.split(" ", 1)) not in GENTLE for step in calm for other in step["meanwhile"])
