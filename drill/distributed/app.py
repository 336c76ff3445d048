"""Composition root of `ratewire drill distributed`: one fault after the other."""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console

from drill.distributed.clients import connected_clients
from drill.distributed.faults import FAULTS, PartFault
from drill.distributed.libraries import library_viewers
from drill.distributed.monitor import watched
from drill.distributed.prometheus import watched_alerts
from drill.distributed.report import ChaosReport
from drill.distributed.step import StepResult, run_step
from drill.distributed.system import run_distributed
from rates.errors import InvalidSetting

SUBSCRIBERS = 36


def select(names: Sequence[str]) -> Sequence[PartFault]:
    """Return the faults of these names, or all.

    Raises:
        InvalidSetting: there is no such fault.
    """
    known = {fault.name: fault for fault in FAULTS}
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise InvalidSetting("--fault", unknown, f"expected one of {', '.join(known)}")
    return [known[name] for name in names] or FAULTS


async def run_chaos(
    faults: Sequence[PartFault], console: Console, *, subscribers: int = SUBSCRIBERS, libraries: bool = False
) -> ChaosReport:
    """Run the distributed form and make these faults happen to it, one after the other.

    Raises:
        NotStarted: a server is not installed, or something does not answer in time.
    """
    started, results = time.monotonic(), list[StepResult]()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ratewire-chaos-")))
        console.print(f"starting the distributed form in {folder}", highlight=False)
        system = await stack.enter_async_context(run_distributed(folder))
        clients = await stack.enter_async_context(connected_clients(system.url, subscribers))
        alerts = await stack.enter_async_context(watched_alerts(system))
        if alerts is None:
            console.print("without Prometheus no alerts are checked", highlight=False)
        monitor = await stack.enter_async_context(watched(system, clients, alerts))
        viewers = await stack.enter_async_context(library_viewers(system.url, wanted=libraries))
        while not monitor.is_well():  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.1)
        for number, fault in enumerate(faults, start=1):
            place = f"{number:2}/{len(faults)} {fault.name}"

            def progress(text: str, place: str = place) -> None:
                console.print(f"{place}: {text}", markup=False, highlight=False)

            results.append(await run_step(fault, monitor, viewers, progress))
            verdict = "; ".join(results[-1].misses)
            progress(f"MISS {verdict}" if verdict else "holds")
        tracebacks = {
            name: log.count("Traceback (most recent call last)")
            for name, process in system.processes.items()
            if "Traceback (most recent call last)" in (log := process.read_log())
        }
        report = ChaosReport(results, subscribers, time.monotonic() - started, tracebacks)
    report.show(console)
    return report
