"""The distributed form under steady load: the growth of each process."""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from drill.distributed.clients import connected_clients
from drill.distributed.judgement import Excuses
from drill.distributed.slope import BLOCKS, Slope, fit_slope
from drill.distributed.system import DistributedSystem, run_distributed

SUBSCRIBERS = 36
MIB = 1024 * 1024
MAX_MIB_PER_HOUR = 1.0
MAX_DESCRIPTORS_PER_HOUR = 1.0
# Caches, pools and the statistics of the last half hour fill at first: so much more time is not counted, within bounds.
WARM_UP_SHARE, MIN_WARM_UP_S, MAX_WARM_UP_S = 0.5, 30.0, 1_800.0
MAX_SAMPLE_S = 10.0
PROGRESS_EVERY_S = 60.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Servers whose memory is not ours to bound; they are shown.
FOREIGN = frozenset({"redis", "rabbitmq", "postgres", "nginx", "simulator"})


@dataclass
class Samples:
    """Samples of one process: (seconds, value)."""

    memory_mib: list[tuple[float, float]] = field(default_factory=list)
    descriptors: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class SoakReport:
    """The samples after the warm-up, by process, and what clients saw."""

    samples: Mapping[str, Samples]
    counted_s: float
    warm_up_s: float
    misses: tuple[str, ...]

    def slopes(self) -> Iterator[tuple[str, Slope, Slope]]:
        """Yield name, slope of memory (MiB/h) and of descriptors of each process."""
        for name, each in self.samples.items():
            yield name, fit_slope(each.memory_mib), fit_slope(each.descriptors)

    def failures(self) -> list[str]:
        """Return what grows for certain, and what clients must not have seen."""
        found = list(self.misses)
        for name, memory, descriptors in self.slopes():
            if name in FOREIGN:
                continue
            if memory.exceeds(MAX_MIB_PER_HOUR):
                found.append(f"{name} grows by {_per_hour(memory)} MiB/h, allowed is {MAX_MIB_PER_HOUR:g}")
            if descriptors.exceeds(MAX_DESCRIPTORS_PER_HOUR):
                found.append(f"{name} gains {_per_hour(descriptors)} descriptors/h")
        return found

    def unproved(self) -> list[str]:
        """Names of our processes whose bound this run is too short to show."""
        return [
            name
            for name, memory, _ in self.slopes()
            if name not in FOREIGN
            and not memory.stays_within(MAX_MIB_PER_HOUR)
            and not memory.exceeds(MAX_MIB_PER_HOUR)
        ]

    def show(self, console: Console) -> None:
        """Print the table and the verdict."""
        table = Table("process", "memory, MiB", "MiB/h (95 %)", "descriptors", "descriptors/h (95 %)", "")
        for name, memory, descriptors in self.slopes():
            samples = self.samples[name]
            table.add_row(
                name,
                _span(samples.memory_mib),
                _per_hour(memory),
                _span(samples.descriptors),
                _per_hour(descriptors),
                "not judged" if name in FOREIGN else _verdict(memory),
            )
        console.print(table)
        console.print(f"{self.counted_s:.0f} s counted after {self.warm_up_s:.0f} s of warm-up")
        for failure in self.failures():
            console.print(f"MISS {failure}", style="red", markup=False)
        if unproved := self.unproved():
            console.print(
                f"too short to show that {', '.join(unproved)} grow by at most {MAX_MIB_PER_HOUR:g} MiB/h: "
                "their intervals contain the bound",
                markup=False,
            )


async def run_soak(hours: float, console: Console) -> SoakReport:
    """Run the distributed form with its default settings for so many hours.

    Raises:
        NotStarted: a server is not installed, or something does not answer in time.
    """
    lasts_s = hours * 3_600
    warm_up_s = min(max(lasts_s * WARM_UP_SHARE, MIN_WARM_UP_S), MAX_WARM_UP_S)
    every_s = min(MAX_SAMPLE_S, lasts_s / (4 * BLOCKS))
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ratewire-soak-")))
        console.print(f"starting the distributed form in {folder}", highlight=False)
        system = await stack.enter_async_context(run_distributed(folder, shortened=False, with_clocks=False))
        clients = await stack.enter_async_context(connected_clients(system.url, SUBSCRIBERS))
        clients.begin_step(Excuses())
        console.print(f"warming up for {warm_up_s:.0f} s")
        await asyncio.sleep(warm_up_s)
        samples: dict[str, Samples] = {}
        began = shown_at = time.monotonic()
        misses: list[str] = []
        while (passed_s := time.monotonic() - began) < lasts_s:
            _sample(system, passed_s, samples)
            misses += [f"{name} has ended" for name in system.ended()]
            if misses:
                break
            if time.monotonic() - shown_at >= PROGRESS_EVERY_S:
                shown_at = time.monotonic()
                console.print(f"{passed_s / 60:.0f} of {lasts_s / 60:.0f} minutes, {_now(samples)}")
            await asyncio.sleep(every_s)
        seen = clients.seen
        misses += seen.misses
        if clients.gaps or seen.ended or seen.failed:
            misses.append(
                f"without any fault: {clients.gaps} GAPs, {seen.ended} subscriptions ended, {seen.failed} of "
                f"{seen.queries} queries failed"
            )
        report = SoakReport(samples, time.monotonic() - began, warm_up_s, tuple(misses))
    report.show(console)
    return report


def _sample(system: DistributedSystem, at: float, into: dict[str, Samples]) -> None:
    pids = {name: [process.pid] for name, process in system.processes.items() if process.pid}
    groups = {**pids, **{name: server.pids() for name, server in system.servers.items()}}
    for name, members in groups.items():
        samples = into.setdefault(name, Samples())
        samples.memory_mib.append((at, sum(map(_resident_mib, members))))
        samples.descriptors.append((at, float(sum(map(_descriptors, members)))))


def _resident_mib(pid: int) -> float:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / MIB
    return 0.0


def _descriptors(pid: int) -> int:
    with suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - nothing but their number
    return 0


def _now(samples: Mapping[str, Samples]) -> str:
    return ", ".join(
        f"{name} {each.memory_mib[-1][1]:.0f} MiB" for name, each in samples.items() if name not in FOREIGN
    )


def _span(samples: list[tuple[float, float]]) -> str:
    return f"{samples[0][1]:.1f} → {samples[-1][1]:.1f}"


def _per_hour(slope: Slope) -> str:
    return f"{slope.per_hour:+.2f} ± {slope.margin:.2f}"


def _verdict(memory: Slope) -> str:
    if memory.exceeds(MAX_MIB_PER_HOUR):
        return "MISS"
    return "holds" if memory.stays_within(MAX_MIB_PER_HOUR) else "not shown"
