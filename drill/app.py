"""Composition root of `ratewire drill`: systems side by side, and in each a walk for each source."""

import asyncio
import logging
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import structlog
from rich.console import Console

from drill.plan import Agenda, steps_of
from drill.report import Report, added_up
from drill.surroundings import environment
from drill.system import System, run_system
from drill.walk import Outcome, Walk
from rates.errors import InvalidSetting
from rates.source import Source
from simulator.faults.kinds import KINDS

# Nearly all time is spent waiting for timeouts: two systems halve it, and together need less than one core.
SYSTEMS = 2
LONGEST_S = 420.0


async def run_drill(*, only: Collection[str], faults: Collection[str], console: Console) -> Report:
    """Walk through all faults of all sources (or `only` some of either), and show what was found.

    Raises:
        InvalidSetting: there is no such step.
    """
    agenda, outcomes, started = _agenda(only, faults), list[Outcome](), time.monotonic()
    done = _progress(outcomes, len(agenda), console)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # cut answers are what we ask for
    os.environ.update(environment())
    async with asyncio.TaskGroup() as group:
        works = [
            group.create_task(_work_off(agenda, number, done), name=f"system {number}")
            for number in range(SYSTEMS)
        ]
    systems, clients = zip(*(work.result() for work in works), strict=True)
    report = Report(
        outcomes,
        {source: added_up([each[source] for each in clients]) for source in agenda.left},
        sum(system.reader.judged for system in systems),
        time.monotonic() - started,
        [miss for system in systems for miss in system.reader.misses if not _is_told(miss, outcomes)],
    )
    report.show(console)
    return report


async def _work_off(
    agenda: Agenda, number: int, done: Callable[[Outcome], None]
) -> tuple[System, dict[str, Any]]:
    """Steps of the agenda until none is left; the system and what its simulator counted."""
    with tempfile.TemporaryDirectory(prefix="ratewire-drill-") as folder:
        async with run_system(Path(folder)) as system:
            walk = Walk(system, done)
            try:
                async with asyncio.timeout(LONGEST_S), asyncio.TaskGroup() as walks:
                    for source in agenda.left:
                        walks.create_task(walk.go(source, agenda.take(source, number)), name=f"walk {source}")
            except TimeoutError:
                system.reader.miss(f"not done within {LONGEST_S:g} s: {', '.join(walk.still_under_way())}")
            return system, (await system.faults.status())["clients"]


def _progress(outcomes: list[Outcome], steps: int, console: Console) -> Callable[[Outcome], None]:
    def done(outcome: Outcome) -> None:
        outcomes.append(outcome)
        verdict = "MISS" if outcome.misses else "ok"
        told = (
            f"{len(outcomes):3}/{steps} {verdict:4} {outcome.took_s:5.1f} s {outcome.source} {outcome.step}"
        )
        console.print(told, markup=False, highlight=False)

    return done


def _agenda(only: Collection[str], faults: Collection[str]) -> Agenda:
    for option, given, known in (("--source", only, list(Source)), ("--fault", faults, list(KINDS))):
        unknown = next((name for name in given if name not in known), None)
        if unknown is not None:
            raise InvalidSetting(option, unknown, f"expected one of {', '.join(known)}")
    steps = {
        source.value: deque(step for step in steps_of(source) if not faults or step.fault in faults)
        for source in Source
        if not only or source in only
    }
    agenda = Agenda({source: left for source, left in steps.items() if left})
    if not agenda:
        raise InvalidSetting("--fault", ", ".join(faults), f"expected one that {', '.join(only)} can have")
    return agenda


def _is_told(miss: str, outcomes: Collection[Outcome]) -> bool:
    return any(miss in outcome.misses for outcome in outcomes)
