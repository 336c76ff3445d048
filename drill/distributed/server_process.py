"""Processes of servers that are not ours, on free ports and in temporary folders."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 20
POLL_S = 0.05


class NotStarted(Exception):
    """A server is not installed, or ended before it answered."""


def find_binary(name: str, *places: str) -> str:
    """Return the program `name`, in one of `places` or on the PATH.

    Raises:
        NotStarted: it is not installed.
    """
    for place in places:
        for candidate in sorted(Path("/").glob(f"{place.lstrip('/')}/{name}"), reverse=True):
            return str(candidate)
    found = shutil.which(name)
    if found is None:
        raise NotStarted(f"{name} is not installed; `tools/ensure-servers.sh` installs it")
    return found


def find_library(name: str, place: str) -> Path:
    """Return the shared library `name` in a folder like `place`.

    Raises:
        NotStarted: it is not installed.
    """
    found = sorted(Path("/").glob(f"{place}/{name}"))
    if not found:
        raise NotStarted(f"{name} is not installed; `tools/ensure-servers.sh` installs it")
    return found[0]


class ServerProcess:
    """A server process with its process group.

    May be stopped and started again on the same port.
    """

    def __init__(
        self,
        url: str,
        command: Sequence[str],
        *,
        folder: Path,
        is_ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.url = url
        self._command = list(command)
        self._log = folder / "server.log"
        self._folder = folder
        self._is_ready = is_ready
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def pids(self) -> list[int]:
        """Its processes, while it runs."""
        return [] if self._process is None else family_of(self._process.pid)

    def read_log(self) -> str:
        """Its output so far."""
        return self._log.read_text()

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers."""
        if self._process is None:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command,
                    cwd=self._folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise NotStarted(f"{self._command} did not start:\n{self._log.read_text()[-3000:]}")
            time.sleep(POLL_S)

    def run(self, *command: str) -> str:
        """Run a program in the environment of the server, and return its output."""
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=START_TIMEOUT_S,
        )
        return done.stdout

    def stop(self) -> None:
        """Ask it to stop and wait until it has; nothing of it is left."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Keep its connections open and answer nothing, as a stalled machine would.

        `thaw` ends that.
        """
        self._signal_family(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal_family(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self.thaw()
        self._signal(number)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait(STOP_TIMEOUT_S)
        # Children that outlived it are in its group.
        self._signal(signal.SIGKILL)
        self._process = None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _signal_family(self, number: signal.Signals) -> None:
        """To all processes that come of it: each backend of Postgres has a process group of its own."""
        if self._process is not None:
            for pid in family_of(self._process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)


def family_of(pid: int) -> list[int]:
    """A process and all that come of it, parents first."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name may hold anything, brackets included; the parent is the second field after it.
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(status.parent.name))
    family = [pid]
    for each in family:
        family += children.get(each, ())
    return family


def answers(port: int, question: bytes, expected: bytes) -> Callable[[], bool]:
    """Whether what listens on `port` answers `question` with something that holds `expected`."""

    def ask() -> bool:
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=1)) as probe:
            probe.settimeout(1)
            probe.sendall(question)
            return expected in probe.recv(1024)
        return False

    return ask


@contextmanager
def running(server: ServerProcess) -> Iterator[ServerProcess]:
    """Started for the length of the block, whatever happens in it."""
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that any user may enter: the servers do not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="ratewire-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
