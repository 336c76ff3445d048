"""The drill itself, by the command that people use."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from rates.source import Source
from simulator.faults.kinds import kinds_of

LONGEST_S = 540


PUSHED = [source.value for source in Source if source is not Source.COINGECKO]


@pytest.mark.timeout(LONGEST_S + 30)
@pytest.mark.parametrize(
    "sources",
    [
        pytest.param(PUSHED, id="push feeds"),
        pytest.param(["coingecko"], id="coingecko"),
    ],
)
async def test_every_fault_is_seen_survived_and_breaks_no_limit(tmp_path: Path, sources: list[str]) -> None:
    """All steps without a miss: noticed with state and reason, no stale value served as fresh, nothing lost between cursor
    and resuming, well again, and no limit broken.
    """
    file = tmp_path / "drill.json"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ratewire", "drill", "--json", str(file)),
        *(part for source in sources for part in ("--source", source)),
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
    walked = {(step["source"], step["step"].split()[0]) for step in report["steps"]}
    assert walked == {(source, kind) for source in sources for kind in kinds_of(source)}
    assert all(step["recovered_s"] is not None for step in report["steps"])
    assert report["values_judged"] > 1000
    assert all(not counted["violations"] and not counted["bans"] for counted in report["clients"].values())
