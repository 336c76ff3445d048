"""The load generators: two small C programs, compiled for each run, because anything slower would measure itself."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import Shares
from bench.processes import BenchFailed, Process, find
from bench.stage import Stage, Started

SOURCES = Path(__file__).parent / "load"
COMPILE_TIMEOUT_S = 60
# Longer than connecting 10,000 subscribers to the slowest server may take.
LOAD_TIMEOUT_S = 600


@dataclass(frozen=True)
class Answers:
    """What came of asking over HTTP."""

    per_s: float
    p50_ms: float
    p99_ms: float
    shares: Shares


@dataclass(frozen=True)
class Deliveries:
    """What came of subscribing."""

    per_s: float
    items_per_s: float
    connects_per_s: float
    kb_per_connection: float
    growth_mb: float
    p50_ms: float
    p99_ms: float
    shares: Shares


@dataclass(frozen=True)
class Phase:
    """Many come, or leave: what each cost the server, and how late others were told meanwhile."""

    us_each: float
    per_s: float
    p99_ms: float


@dataclass(frozen=True)
class Storm:
    """Many come within seconds, and leave at once."""

    join: Phase
    leave: Phase


class Load:
    """The two programs, compiled."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        compiler = find("cc", "gcc")
        for name in ("queries", "subscribers"):
            command = [compiler, "-O2", "-w", "-o", str(stage.folder / name), str(SOURCES / f"{name}.c")]
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=COMPILE_TIMEOUT_S
            )
            if done.returncode:
                raise BenchFailed(f"{' '.join(command)}:\n{done.stderr}")

    def query(
        self,
        started: Started,
        bodies: Sequence[str],
        *,
        seconds: float,
        connections: int,
        path: str = "/graphql",
    ) -> Answers:
        """Ask for `seconds`, after a third of that to warm up."""
        arguments = [started.port, path, connections, seconds / 3, seconds, started.process.pid]
        seen = self._run("queries", bodies, arguments)
        return Answers(
            per_s=seen["answered"] / seen["seconds"],
            p50_ms=_number(seen["p50_ms"]),
            p99_ms=_number(seen["p99_ms"]),
            shares=_shares(seen),
        )

    def subscribe(
        self,
        started: Started,
        messages: Sequence[str],
        writer: Process,
        *,
        count: int,
        seconds: float,
        window: int,
        stalled: int = 0,
    ) -> Deliveries:
        """Subscribe `count` times, then let `writer` write: so fast that `window` publications are on their way; 0: at its pace."""
        arguments = [started.port, count, stalled, min(2.0, seconds / 3), seconds, started.process.pid]
        seen = self._run("subscribers", messages, arguments, (writer.stdin_fd, window))
        return Deliveries(
            per_s=seen["events"] / seen["seconds"],
            items_per_s=seen["items"] / seen["seconds"],
            connects_per_s=count / seen["connect_s"],
            kb_per_connection=(seen["rss_subscribed"] - seen["rss_before"]) / count / 1024,
            growth_mb=(seen["rss_peak"] - seen["rss_subscribed"]) / 2**20,
            p50_ms=_number(seen["p50_ms"]),
            p99_ms=_number(seen["p99_ms"]),
            shares=_shares(seen),
        )

    def storm(
        self,
        started: Started,
        messages: Sequence[str],
        writer: Process,
        *,
        count: int,
        joining: int,
        per_s: float,
        seconds: float,
    ) -> Storm:
        """While `count` subscribers are told what moves, `joining` more come, so many a second, and then leave all at once."""
        arguments = [started.port, count, 0, seconds, seconds, started.process.pid]
        more = (writer.stdin_fd, 0, joining, per_s)
        seen = self._run("subscribers", messages, arguments, more)
        join, leave = (
            Phase(
                us_each=seen[phase]["server_cpu_s"] / joining * 1e6,
                per_s=joining / seen[phase]["seconds"],
                p99_ms=_number(seen[phase]["p99_ms"]),
            )
            for phase in ("join", "leave")
        )
        return Storm(join, leave)

    def _run(
        self,
        program: str,
        lines: Sequence[str],
        arguments: Sequence[object],
        more: tuple[float, ...] = (),
    ) -> dict[str, Any]:
        file = self._stage.folder / "lines"
        file.write_text("".join(f"{line}\n" for line in lines))
        command = ["taskset", "-c", str(self._stage.cores.load), str(self._stage.folder / program)]
        command += [*map(str, arguments), str(file), *map(str, more)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=LOAD_TIMEOUT_S,
            pass_fds=tuple(map(int, more[:1])),
        )
        if done.returncode:
            raise BenchFailed(f"load generator: {done.stderr.strip()}")
        seen: dict[str, Any] = json.loads(done.stdout)
        return seen


def _shares(seen: dict[str, Any]) -> Shares:
    parts = (seen[part] / seen["seconds"] for part in ("server_cpu_s", "server_wait_s", "own_cpu_s"))
    return Shares(*parts)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
