"""CPU time of processes by name, while they come and go."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# What a process uses after its last sample is lost.
SAMPLE_S = 0.1
Pids = Mapping[str, Iterable[int]]


class CpuTimes:
    """Sums over the processes that had a name so far."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, int], float] = {}
        self._last: dict[tuple[str, int], float] = {}

    def sample(self, pids: Pids, *, is_first: bool = False) -> None:
        """Read the CPU time of these processes. A new one has used all of its since the first."""
        named = [(name, each) for name, group in pids.items() for each in group]
        for name, each in named:
            with suppress(OSError):
                fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
                used = (int(fields[11]) + int(fields[12])) / TICKS_PER_S
                self._first.setdefault((name, each), used if is_first else 0.0)
                self._last[name, each] = used

    def totals(self) -> dict[str, float]:
        """Seconds by name."""
        totals: dict[str, float] = {}
        for key, used in self._last.items():
            totals[key[0]] = totals.get(key[0], 0.0) + used - self._first[key]
        return totals


@asynccontextmanager
async def measured(read_pids: Callable[[], Pids]) -> AsyncIterator[CpuTimes]:
    """Measure for the length of the block."""
    times = CpuTimes()
    times.sample(read_pids(), is_first=True)

    async def keep_sampling() -> None:
        while True:
            await asyncio.sleep(SAMPLE_S)
            times.sample(read_pids())

    sampling = asyncio.create_task(keep_sampling())
    try:
        yield times
        times.sample(read_pids())
    finally:
        sampling.cancel()
        await asyncio.wait([sampling])
