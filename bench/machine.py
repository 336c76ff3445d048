"""What the figures were measured on: cores, memory, versions; and which core does what."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

PACKAGES = (
    "uvicorn",
    "uvloop",
    "strawberry-graphql",
    "graphql-core",
    "fastapi",
    "websockets",
    "redis",
    "msgspec",
)


class UnfitMachine(Exception):
    """The benchmarks cannot run here; the message says what is missing."""


class Cores(NamedTuple):
    """The core of the server under test, the one of everything else (load generator, writer, Redis), and all there are."""

    server: int
    load: int
    all: tuple[int, ...]


def choose_cores() -> Cores:
    """The first and the last of the cores that this process may use, so that they are not one core's two threads.

    Raises:
        UnfitMachine: there is one only, or this is not Linux.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise UnfitMachine("the benchmarks pin processes to cores and read /proc: they need Linux")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise UnfitMachine(
            f"the benchmarks need two cores, one for the server alone; this process has {len(cores)}"
        )
    return Cores(cores[0], cores[-1], tuple(cores))


def describe(redis_version: str) -> list[str]:
    """The lines that stand above a table."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    system = (
        f"{platform.system()} {platform.release()} · Python {platform.python_version()} · {redis_version}"
    )
    hardware = f"{_processor()}, {os.cpu_count()} cores, {_memory_gib()} GiB"
    return [f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {hardware} · {system}", packages]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
