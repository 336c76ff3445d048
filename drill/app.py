"""Composition root of `ratewire drill`: systems side by side, one fault run per source."""

import asyncio
import logging
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias

import structlog
from rich.console import Console

from drill.environment import environment
from drill.fault_run import FaultRun, StepOutcome
from drill.minute_truth import SETTLED_AFTER_S, MinuteCounts, judge_minutes
from drill.plan import (
    REDIS_FAILOVER,
    SHARED_FAULTS,
    DrillStep,
    all_steps_of,
    one_source_each,
    process_steps_of,
    steps_of,
)
from drill.process_faults import PROCESS_FAULTS
from drill.redis_pair import has_redis, open_redis_pair
from drill.report import ClientCounts, DrillReport, merge_client_counts
from drill.schedule import Schedule
from drill.system import SystemUnderTest, run_system
from rates.errors import InvalidSetting
from rates.source import Source
from simulator.faults.kinds import KINDS

# Most of the time is spent waiting for timeouts: two systems halve it and use less than one core.
SYSTEMS = 2
TIMEOUT_S = 420.0
FILL_POLL_S = 10.0
# Of the minutes that must be whole once the history was filled.
FILLED_SHARE = 0.999

Ended: TypeAlias = tuple[SystemUnderTest, MinuteCounts, Mapping[str, ClientCounts]]


async def run_drill(
    *,
    only: Collection[str],
    faults: Collection[str],
    brief: bool = False,
    fill_s: float | None = None,
    console: Console,
) -> DrillReport:
    """Inject all faults of all sources (or a selection), and show the report.

    `brief`: each kind of step at one source. `fill_s`: judge the minutes of the history, and wait so long until they are filled from
    the sources' own candles.

    Raises:
        InvalidSetting: the selection names no step.
    """
    steps, outcomes, started = _select(only, faults, brief=brief), list[StepOutcome](), time.monotonic()
    done = _progress(outcomes, sum(map(len, steps.values())), console)
    schedule, alone, shared = _split(steps)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # aborted answers are expected
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # so are sockets that the other side has closed
    os.environ.update(environment())
    async with asyncio.TaskGroup() as group:
        works = [
            group.create_task(_run_steps(schedule, number, done, fill_s), name=f"system {number}")
            for number in range(SYSTEMS)
            if schedule
        ]
    results = [work.result() for work in works]
    results += [await _run_in_sequence(own, done, fill_s) for own in alone]
    if shared:
        results.append(await _run_in_sequence(shared, done, fill_s, with_redis=has_redis()))
    systems, counted, clients = zip(*results, strict=True)
    minutes = MinuteCounts()
    for each in counted:
        minutes.add(each)
    report = DrillReport(
        outcomes,
        {source: merge_client_counts([each[source] for each in clients]) for source in steps},
        sum(system.subscriber.judged for system in systems),
        time.monotonic() - started,
        [miss for system in systems for miss in system.subscriber.misses if not _is_reported(miss, outcomes)],
        minutes,
    )
    report.show(console)
    return report


async def _run_steps(
    schedule: Schedule, number: int, done: Callable[[StepOutcome], None], fill_s: float | None
) -> Ended:
    """Run steps until none is left; return the system, its minutes and its simulator's counters."""
    with tempfile.TemporaryDirectory(prefix="ratewire-drill-") as folder:
        async with run_system(Path(folder)) as system:
            run = FaultRun(system, done)
            try:
                async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as runs:
                    for source in schedule.left:
                        runs.create_task(
                            run.run_steps(source, schedule.take(source, number)), name=f"fault run {source}"
                        )
            except TimeoutError:
                system.subscriber.miss(f"not finished within {TIMEOUT_S:g} s: {', '.join(run.unfinished())}")
            return system, await _judge_history(run, fill_s), (await system.faults.status())["clients"]


async def _run_in_sequence(
    steps: Sequence[DrillStep],
    done: Callable[[StepOutcome], None],
    fill_s: float | None,
    *,
    with_redis: bool = False,
) -> Ended:
    """Run steps one after the other in a system of their own."""
    with tempfile.TemporaryDirectory(prefix="ratewire-drill-") as folder:
        async with AsyncExitStack() as stack:
            redis = await stack.enter_async_context(open_redis_pair(Path(folder))) if with_redis else None
            system = await stack.enter_async_context(run_system(Path(folder), redis))
            run = FaultRun(system, done)
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    for step in steps:
                        await run.run_steps(step.source, [step])
            except TimeoutError:
                system.subscriber.miss(f"not finished within {TIMEOUT_S:g} s: {', '.join(run.unfinished())}")
            return system, await _judge_history(run, fill_s), (await system.faults.status())["clients"]


async def _judge_history(run: FaultRun, fill_s: float | None) -> MinuteCounts:
    """Compare the minutes with the truth, again until they are filled or `fill_s` is over.

    `None` judges nothing. One that differs may be corrected by trades that came late.
    """
    if fill_s is None:
        return MinuteCounts()
    system, started = run.system, time.monotonic()
    while True:
        counts = await judge_minutes(
            system.subscriber.url,
            system.world,
            await system.instruments.read(),
            started_at=system.started_at,
            faults=run.faults,
        )
        known = counts.whole + counts.filled
        is_filled = known >= FILLED_SHARE * (counts.judged - counts.excused)
        passed_s = time.monotonic() - started
        may_be_corrected = bool(counts.misses) and passed_s < SETTLED_AFTER_S
        if (is_filled or passed_s > fill_s) and not may_be_corrected:
            break
        await asyncio.sleep(FILL_POLL_S)
    if fill_s and not is_filled:
        counts.misses.append(f"not filled within {fill_s:g} s: {counts}")
    return counts


def _progress(outcomes: list[StepOutcome], steps: int, console: Console) -> Callable[[StepOutcome], None]:
    def done(outcome: StepOutcome) -> None:
        outcomes.append(outcome)
        verdict = "MISS" if outcome.misses else "ok"
        reason = (
            f"{len(outcomes):3}/{steps} {verdict:4} {outcome.took_s:5.1f} s {outcome.source} {outcome.step}"
        )
        console.print(reason, markup=False, highlight=False)

    return done


def _split(
    steps: Mapping[str, Sequence[DrillStep]],
) -> tuple[Schedule, list[list[DrillStep]], list[DrillStep]]:
    """Return the steps side by side, those of one source alone, and those of shared faults."""
    rest, alone, shared = dict[str, deque[DrillStep]](), list[list[DrillStep]](), list[DrillStep]()
    for source, found in steps.items():
        own = [step for step in found if step.is_alone]
        if own:
            alone.append(own)
        shared += [step for step in found if step.fault in SHARED_FAULTS]
        if left := deque(step for step in found if step not in own and step.fault not in SHARED_FAULTS):
            rest[source] = left
    return Schedule(rest), alone, shared


def _select(
    only: Collection[str], faults: Collection[str], *, brief: bool
) -> Mapping[str, Sequence[DrillStep]]:
    for option, given, known in (
        ("--source", only, list(Source)),
        ("--fault", faults, [*KINDS, *PROCESS_FAULTS, REDIS_FAILOVER]),
    ):
        unknown = next((name for name in given if name not in known), None)
        if unknown is not None:
            raise InvalidSetting(option, unknown, f"expected one of {', '.join(known)}")
    steps = {
        source.value: (
            [step for step in (*all_steps_of(source), *process_steps_of(source)) if step.fault in faults]
            if faults
            else steps_of(source)
        )
        for source in Source
        if not only or source in only
    }
    if brief:
        steps = one_source_each(steps)
    selected = {source: found for source, found in steps.items() if found}
    if not selected:
        raise InvalidSetting("--fault", ", ".join(faults), f"expected one that {', '.join(only)} can have")
    return selected


def _is_reported(miss: str, outcomes: Collection[StepOutcome]) -> bool:
    return any(miss in outcome.misses for outcome in outcomes)
