"""Processes of a run: pinned to cores, in their own process groups, always stopped."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from bench.machine import UnsupportedMachine
from runtime.free_port import free_port

ROOT = Path(__file__).resolve().parents[1]
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 10
POLL_S = 0.05
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class BenchmarkError(Exception):
    """A process of the run failed; the message has the end of its log."""


class Process:
    """A running process and its log."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path) -> None:
        self._popen = popen
        self._log = log

    @property
    def pid(self) -> int:
        return self._popen.pid

    def cpu_s(self) -> float:
        """Return its CPU time in seconds."""
        return cpu_s(self.pid)

    def cpu_with_children_s(self) -> float:
        """Return its CPU time and that of its running children, in seconds."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return sum(map(cpu_s, [self.pid, *map(int, children)]))

    def write_line(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(f"{line}\n".encode())
        self._popen.stdin.flush()

    @property
    def stdin_fd(self) -> int:
        """File descriptor of its standard input, for another process to inherit."""
        assert self._popen.stdin is not None
        return self._popen.stdin.fileno()

    def wait_until(self, is_ready: Callable[[], bool]) -> None:
        """Wait until `is_ready`.

        Raises:
            BenchmarkError: the process ended, or was not ready in time.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while not is_ready():
            if self._popen.poll() is not None or time.monotonic() > deadline:
                raise BenchmarkError(f"{self._popen.args!r} did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(POLL_S)

    def wait_for_end(self, timeout_s: float) -> None:
        """Wait until it has ended without an error.

        Raises:
            BenchmarkError: it failed, or took longer than `timeout_s`.
        """
        try:
            code: int | str = self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            code = f"no end after {timeout_s:g} s"
        if code:
            raise BenchmarkError(f"{self._popen.args!r}: {code}\n{self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop its whole process group."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(STOP_TIMEOUT_S)
        if self._popen.stdin is not None:
            with suppress(OSError):
                self._popen.stdin.close()


def cpu_s(pid: int) -> float:
    """Return the processor time of all threads of a process, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


@contextmanager
def running(
    command: Sequence[str],
    *,
    core: int | str,
    log: Path,
    variables: Mapping[str, str] | None = None,
    with_stdin: bool = False,
    folder: Path = ROOT,
) -> Iterator[Process]:
    """Run `command` in `folder` for the duration of the block.

    It is pinned to `core`, or to several: `0,1`.

    `RATEWIRE_` settings of this process are not inherited; `variables` has all of them.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RATEWIRE_")}
    with log.open("wb") as output:
        popen = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            cwd=folder,
            env={**inherited, **(variables or {})},
            stdin=subprocess.PIPE if with_stdin else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    process = Process(popen, log)
    try:
        yield process
    finally:
        process.stop()


def find(program: str, package: str) -> str:
    """Return the path of a program.

    Raises:
        UnsupportedMachine: not installed; the message names its Debian package.
    """
    path = shutil.which(program)
    if path is None:
        raise UnsupportedMachine(
            f"{program} is not installed; the benchmarks need it (Debian: apt-get install {package})"
        )
    return path


@contextmanager
def running_redis(folder: Path, core: int) -> Iterator[tuple[str, Process]]:
    """Run a Redis without persistence; yield its URL and process."""
    port = free_port()
    command = [find("redis-server", "redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with running(command, core=core, log=folder / "redis.log") as process:
        process.wait_until(lambda: listens(port))
        yield f"redis://127.0.0.1:{port}/0", process


def redis_version() -> str:
    """Return e.g. `Redis 7.0.15`."""
    text = subprocess.run(
        [find("redis-server", "redis-server"), "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=START_TIMEOUT_S,
    ).stdout
    found = re.search(r"v=(\S+)", text)
    return f"Redis {found[1] if found else '?'}"


def listens(port: int) -> bool:
    """Return whether a server accepts connections on that port."""
    with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=1)):
        return True
    return False


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of this project with this interpreter."""
    return [sys.executable, "-m", module, *arguments]
