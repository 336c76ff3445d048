"""The machine of a run: cores, memory and versions, and the assignment of cores."""

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


class UnsupportedMachine(Exception):
    """The benchmarks cannot run on this machine; the message names what is missing."""


class Cores(NamedTuple):
    """Core of the server under test, core of load generator, writer and Redis, and all cores."""

    server: int
    load: int
    all: tuple[int, ...]


def choose_cores() -> Cores:
    """Return the first and last usable cores, which are not threads of one physical core.

    Raises:
        UnsupportedMachine: fewer than two cores, or not Linux.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise UnsupportedMachine("the benchmarks pin processes to cores and read /proc: they need Linux")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise UnsupportedMachine(
            f"the benchmarks need two cores, one of them for the server; this process may use {len(cores)}"
        )
    return Cores(cores[0], cores[-1], tuple(cores))


def describe(redis_version: str) -> list[str]:
    """Return the lines above a table: time, hardware, system and versions."""
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
