"""`ratewire` processes that are forked from one that has imported the packages already.

Importing the gateway takes two seconds of processor time, and the tests start hundreds of processes. The process that is forked
has run nothing but imports and the schema's construction (`preloaded.py`), so a fork begins where a command is after these.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from multiprocessing.connection import Connection, wait
from pathlib import Path

# The modules that the commands import when they run.
PRELOADED = [
    "tests.e2e.forked_processes",
    "ratewire.cli",
    "gateway.server",
    "gateway.workers",
    "pipeline.app",
    "standalone.app",
    "simulator.app",
    "instruments.migrations",
    # multiprocessing runs pytest's script, which imports it, in each process.
    "pytest",
    "tests.e2e.preloaded",
]
# What the interpreter, the linker and libraries read from the environment only when a program starts.
READ_AT_START = ("LD_", "PYTHON", "FAKETIME", "COVERAGE_")
POLL_S = 0.01
# multiprocessing looks at all processes when it starts one, and may read the exit code of one only once, from one thread.
STARTING = threading.Lock()
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(PRELOADED)


class ForkedProcess:
    """A process like those of `asyncio.create_subprocess_exec`, with errors in its output."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        self.stdout = asyncio.StreamReader()
        self._ours, self._theirs = FORKS.Pipe(duplex=False)
        options = (self._theirs, tuple(arguments), dict(env), str(folder))
        self._process = FORKS.Process(target=run_command, args=options, daemon=True)
        self._code: int | None = None

    async def start(self) -> None:
        """Start it; the first one of a test session waits for the imports."""
        await asyncio.to_thread(self._start)
        output = os.fdopen(os.dup(self._ours.fileno()), "rb", 0)
        self._ours.close()
        protocol = asyncio.StreamReaderProtocol(self.stdout)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, output)

    def _start(self) -> None:
        with self._theirs, STARTING:
            self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it runs, and while another process starts."""
        if self._code is None and STARTING.acquire(blocking=False):
            try:
                self._code = self._process.exitcode
            finally:
                STARTING.release()
        return self._code

    def send_signal(self, number: int) -> None:
        """Send a signal.

        Raises:
            ProcessLookupError: it has ended.
        """
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Return the exit code once it has ended; a negative one is the signal that ended it."""
        while (code := self.returncode) is None:  # noqa: ASYNC110 - several may wait at once
            await asyncio.sleep(POLL_S)
        return code


def may_fork(env: Mapping[str, str]) -> bool:
    """Whether a process with this environment behaves as one that is started anew.

    Coverage of processes is measured from their start.
    """
    is_measured = any(name.startswith("COVERAGE_") for name in os.environ)
    return not is_measured and not any(name.startswith(READ_AT_START) for name in env)


def run_command(output: Connection, arguments: Sequence[str], env: Mapping[str, str], folder: str) -> None:
    """Become `ratewire ARGUMENTS`, in the forked process."""
    for descriptor in (1, 2):
        os.dup2(output.fileno(), descriptor)
    output.close()
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, TextIOWrapper)
        stream.reconfigure(line_buffering=True, write_through=True)
    threading.Thread(target=_end_with_the_tests, daemon=True).start()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.argv = ["ratewire", *arguments]
    from ratewire.cli import main  # noqa: PLC0415 - only here: tests import this module, too

    main()


def _end_with_the_tests() -> None:
    """Kill this process when that of pytest has ended without stopping it: nobody else would."""
    tests = multiprocessing.parent_process()
    assert tests is not None
    wait([tests.sentinel])
    os.kill(os.getpid(), signal.SIGKILL)
