"""The load generators: three C programs, compiled for each run; Python would be too slow."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

from bench.environment import Environment, RunningServer
from bench.keys import VARIABLE
from bench.measurements import Phase, QueryMeasurement, Resumes, SteadyQueries, Storm, SubscriptionMeasurement
from bench.processes import BenchmarkError, Process, find, running
from bench.queries import VARIETY
from bench.results import CpuShares

SOURCES = Path(__file__).parent / "load"
COMPILE_TIMEOUT_S = 60
# Longer than 10,000 subscribers need to connect to the slowest server.
LOAD_TIMEOUT_S = 600
WARMUP_S = 1.0
# Ten of each query, where each is sent many times: the gateway keeps a long list from the fourth time on.
WARMUP_ANSWERS = 10 * VARIETY
# Enough that none is waited for at 1,000 resumes a second, each of which may take 100 ms.
RESUMING_CLIENTS = 200


class LoadGenerator:
    """The compiled programs."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.barrier: Barrier | None = None
        """Where the load generators of servers that are measured at the same time wait for each other."""
        compiler = find("cc", "gcc")
        for name in ("queries", "subscribers", "flood"):
            command = [
                compiler,
                "-O2",
                "-w",
                "-o",
                str(environment.folder / name),
                str(SOURCES / f"{name}.c"),
            ]
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=COMPILE_TIMEOUT_S
            )
            if done.returncode:
                raise BenchmarkError(f"{' '.join(command)}:\n{done.stderr}")

    def query(
        self,
        started: RunningServer,
        bodies: Sequence[str],
        *,
        seconds: float,
        connections: int,
        path: str = "/graphql",
        agents: int = 0,
    ) -> QueryMeasurement:
        """Send queries for `seconds`, after a warm-up.

        With `agents`, each request has one of that many user agents and a traceparent of its own.
        """
        arguments = [started.port, path, connections, WARMUP_S, WARMUP_ANSWERS, seconds, started.process.pid]
        seen = self._run("queries", started, bodies, arguments, more=(agents,) if agents else ())
        return QueryMeasurement(
            per_s=seen["answered"] / seen["seconds"],
            p50_ms=_number(seen["p50_ms"]),
            p99_ms=_number(seen["p99_ms"]),
            shares=_shares(seen),
        )

    def query_steadily(
        self, started: RunningServer, bodies: Sequence[str], *, seconds: float, connections: int, per_s: float
    ) -> SteadyQueries:
        """Send queries at a rate, whether answers come or not, after a warm-up."""
        samples = self._environment.folder / "samples"
        arguments = [
            started.port,
            "/graphql",
            connections,
            seconds / 3,
            0,
            seconds,
            started.process.pid,
        ]
        seen = self._run("queries", started, bodies, arguments, more=(0, per_s, str(samples)))
        pairs = [line.split() for line in samples.read_text().splitlines()]
        latencies_ms, served_ms = ([int(pair[part]) / 1000 for pair in pairs] for part in (0, 1))
        return SteadyQueries(latencies_ms, served_ms, _shares(seen))

    @contextmanager
    def flooding(
        self,
        started: RunningServer,
        key: str,
        bodies: Sequence[str],
        messages: Sequence[str],
        *,
        connections: int,
        queries_per_s: float,
        sockets: int,
        subscriptions_per_s: float,
    ) -> Iterator[Path]:
        """Run a client that sends more than the budget of its key (see `flood.c`), refused already.

        Yields the file that has what it saw at its end, in its last line. It gets what the others leave of the load core: any other
        process takes the core from it at once.
        """
        folder = self._environment.folder
        files = folder / "flood_queries", folder / "flood_messages"
        for file, lines in zip(files, (bodies, messages), strict=True):
            file.write_text("".join(f"{line}\n" for line in lines))
        log = folder / "flood.log"
        rates = [started.port, connections, queries_per_s, sockets, subscriptions_per_s]
        command = ["chrt", "--idle", "0", str(folder / "flood"), *map(str, rates), *map(str, files)]
        with running(command, core=self._environment.cores.load, log=log, variables={VARIABLE: key}) as flood:
            flood.wait_until(lambda: "ready" in log.read_text())
            yield log

    def subscribe(
        self,
        started: RunningServer,
        messages: Sequence[str],
        writer: Process,
        *,
        count: int,
        seconds: float,
        window: int,
        stalled: int = 0,
    ) -> SubscriptionMeasurement:
        """Open `count` subscriptions, then let `writer` publish.

        At most `window` publications are in flight; with 0 the writer keeps its own rate.
        """
        arguments = [started.port, count, stalled, min(2.0, seconds / 3), seconds, started.process.pid]
        more = (writer.stdin_fd, window)
        seen = self._run("subscribers", started, messages, arguments, more=more, inherited=(writer.stdin_fd,))
        return SubscriptionMeasurement(
            per_s=seen["events"] / seen["seconds"],
            items_per_s=seen["items"] / seen["seconds"],
            connects_per_s=count / seen["connect_s"],
            connect_shares=CpuShares(
                *(seen[f"connect_{part}_s"] / seen["connect_s"] for part in ("cpu", "wait", "own"))
            ),
            kb_per_connection=(seen["rss_subscribed"] - seen["rss_before"]) / count / 1024,
            growth_mb=(seen["rss_peak"] - seen["rss_subscribed"]) / 2**20,
            p50_ms=_number(seen["p50_ms"]),
            p99_ms=_number(seen["p99_ms"]),
            shares=_shares(seen),
        )

    def storm(
        self,
        started: RunningServer,
        messages: Sequence[str],
        writer: Process,
        *,
        count: int,
        joining: int,
        per_s: float,
        seconds: float,
    ) -> Storm:
        """Connect `joining` clients beside `count` subscribers, then disconnect them at once."""
        arguments = [started.port, count, 0, seconds, seconds, started.process.pid]
        more = (writer.stdin_fd, 0, joining, per_s)
        seen = self._run("subscribers", started, messages, arguments, more=more, inherited=(writer.stdin_fd,))
        join, leave = (
            Phase(
                us_each=seen[phase]["server_cpu_s"] / joining * 1e6,
                per_s=joining / seen[phase]["seconds"],
                p99_ms=_number(seen[phase]["p99_ms"]),
            )
            for phase in ("join", "leave")
        )
        return Storm(join, leave)

    def resume(
        self,
        started: RunningServer,
        messages: Sequence[str],
        resume: str,
        writer: Process,
        *,
        count: int,
        per_s: float,
        seconds: float,
        stays_open: bool,
    ) -> Resumes:
        """Measure `count` subscribers for `seconds`, then as long with `per_s` resumes beside them.

        A resume sends the message `resume`, on an open socket or a new one, and ends with its first event.
        """
        arguments = [started.port, count, 0, min(2.0, seconds / 3), seconds, started.process.pid]
        more = (writer.stdin_fd, 0, RESUMING_CLIENTS, per_s, int(stays_open))
        lines = [*messages, resume]
        seen = self._run("subscribers", started, lines, arguments, more=more, inherited=(writer.stdin_fd,))
        resumes = seen["resumes"]
        return Resumes(
            per_s=resumes["done"] / resumes["seconds"],
            mean_ms=resumes["mean_ms"],
            us_each=resumes["server_cpu_s"] / max(1, resumes["done"]) * 1e6,
            steady_p99_ms=_number(seen["steady"]["p99_ms"]),
            p99_ms=_number(resumes["p99_ms"]),
        )

    def _run(
        self,
        program: str,
        started: RunningServer,
        lines: Sequence[str],
        arguments: Sequence[object],
        *,
        more: tuple[float | str, ...] = (),
        inherited: tuple[int, ...] = (),
    ) -> dict[str, Any]:
        file = self._environment.folder / "lines"
        file.write_text("".join(f"{line}\n" for line in lines))
        command = [
            "taskset",
            "-c",
            str(self._environment.cores.load),
            str(self._environment.folder / program),
        ]
        command += [*map(str, arguments), str(file), *map(str, more)]
        if self.barrier is not None:
            try:
                self.barrier.wait(LOAD_TIMEOUT_S)
            except BrokenBarrierError as exc:
                raise BenchmarkError("the load generator of the other server did not start") from exc
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=LOAD_TIMEOUT_S,
            pass_fds=inherited,
            env={**os.environ, VARIABLE: " ".join(started.keys)},
        )
        if done.returncode:
            raise BenchmarkError(f"load generator: {done.stderr.strip()}")
        seen: dict[str, Any] = json.loads(done.stdout)
        return seen


def _shares(seen: dict[str, Any]) -> CpuShares:
    parts = (seen[part] / seen["seconds"] for part in ("server_cpu_s", "server_wait_s", "own_cpu_s"))
    return CpuShares(*parts)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
