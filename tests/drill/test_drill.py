"""The whole drill, run by its command."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import pytest

from drill.plan import DrillStep, one_source_each, steps_of
from rates.source import Source
from tests.json_types import JsonObject

pytestmark = [pytest.mark.servers, pytest.mark.alone]

# It takes five minutes, more on a busy machine, and gives up by itself before this.
TIMEOUT_S = 900
MAX_REPEATED = 3
GENTLE = {(source, step.name) for source in Source for step in steps_of(source.value) if step.is_undisturbed}


class StepResult(TypedDict):
    """The fields of a step in the JSON report that this test reads."""

    source: str
    step: str
    meanwhile: list[str]


@pytest.mark.long
@pytest.mark.timeout(TIMEOUT_S + 30)
async def test_every_fault_of_every_source_is_seen_survived_and_breaks_no_limit(tmp_path: Path) -> None:
    """The whole drill; no source is disturbed by another one's fault."""
    report = await _drill(tmp_path / "drill.json")
    assert report["misses"] == []
    _check(report, {source.value: steps_of(source.value) for source in Source})
    assert {source for source in Source if _stayed_calm(source, report["steps"])} == set(Source)


@pytest.mark.timeout(TIMEOUT_S + 30)
async def test_every_kind_of_fault_is_seen_survived_and_breaks_no_limit(tmp_path: Path) -> None:
    """At one source each.

    Effects have a state and a reason, no stale value is served as fresh, nothing is lost on resume, every source recovers, and no limit
    is violated.
    """
    report = await _drill(tmp_path / "drill.json", "--brief")
    await _repeat_missed(report, tmp_path)
    steps = one_source_each({source.value: steps_of(source.value) for source in Source})
    _check(report, steps)
    assert min(map(len, steps.values())) >= 5
    assert {step.name for found in steps.values() for step in found} == {
        step.name for source in Source for step in steps_of(source.value)
    }


@pytest.mark.long
@pytest.mark.timeout(TIMEOUT_S + 30)
async def test_minutes_of_the_history_are_what_was_made_or_are_marked(tmp_path: Path) -> None:
    """After connections that were lost, in every source with trades."""
    report = await _drill(tmp_path / "drill.json", "--minutes", "--source", "okx", "--fault", "disconnect")
    assert report["misses"] == []
    counts = {name: int(number) for number, name in re.findall(r"(\d+) (\w+)", report["minutes"])}
    assert counts["minutes"] >= 50
    assert counts["whole"] > 0
    # Those of the source whose connections were lost, at least.
    assert counts["marked"] >= 10
    assert counts["wrong"] == 0


async def _drill(file: Path, *options: str) -> JsonObject:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ratewire", "drill", "--json", str(file), *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "200"},
    )
    async with asyncio.timeout(TIMEOUT_S):
        printed, _ = await process.communicate()
    report = _read(file, printed)
    assert process.returncode == (1 if report["misses"] else 0), printed.decode()[-4000:]
    return report


async def _repeat_missed(report: JsonObject, folder: Path) -> None:
    """Repeat the few steps whose reaction came late or not at all.

    On a busy machine a process stands still for a moment, and what the product does wrong it does again.
    Values that must not be served, lost values and missing recoveries count at once.
    """
    late = [
        (step["source"], step["step"], miss)
        for step in report["steps"]
        for miss in step["misses"]
        if miss.startswith("expected ")
    ]
    assert report["misses"] == [f"{source} {step}: {miss}" for source, step, miss in late]
    repeated = sorted({(source, step.partition(" ")[0]) for source, step, _ in late})
    assert len(repeated) <= MAX_REPEATED, late
    for source, fault in repeated:
        again = await _drill(folder / f"{source}-{fault}.json", "--source", source, "--fault", fault)
        assert again["misses"] == [], late


def _read(file: Path, printed: bytes) -> JsonObject:
    assert file.exists(), printed.decode()[-4000:]
    report: JsonObject = json.loads(file.read_text())
    return report


def _check(report: JsonObject, steps: Mapping[str, Sequence[DrillStep]]) -> None:
    run_steps = sorted((step["source"], step["step"]) for step in report["steps"])
    assert run_steps == sorted(step.key for found in steps.values() for step in found)
    assert all(step["recovered_s"] is not None for step in report["steps"])
    assert report["values_judged"] > 1000
    assert all(not counted["violations"] and not counted["bans"] for counted in report["clients"].values())


def _stayed_calm(source: Source, steps: Sequence[StepResult]) -> bool:
    """Whether the source had to stay undisturbed during another one's outage."""
    calm = [step for step in steps if (step["source"], step["step"]) in GENTLE and step["source"] == source]
    return any(tuple(other.split(" ", 1)) not in GENTLE for step in calm for other in step["meanwhile"])
