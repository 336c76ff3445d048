"""Private Redis, RabbitMQ and Postgres, on free ports and in temporary folders.

They can be frozen, killed and started again on the same port.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 20
POLL_S = 0.05


class NotStarted(Exception):
    """A server is not installed, or ended before it answered."""


def free_port() -> int:
    """A TCP port on loopback that nothing listens on right now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


class Server:
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
def running(server: Server) -> Iterator[Server]:
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


@contextmanager
def start_redis(environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run a Redis."""
    port = free_port()
    with temporary_folder() as folder:
        command = [find_binary("redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--daemonize", "no"]
        ready = answers(port, b"PING\r\n", b"+PONG")
        url = f"redis://127.0.0.1:{port}/0"
        with running(Server(url, command, folder=folder, is_ready=ready, environment=environment)) as server:
            yield server


@contextmanager
def start_rabbitmq() -> Iterator[Server]:
    """Run a RabbitMQ with a name server of its own, apart from any other on this machine."""
    port, epmd_port = free_port(), free_port()
    with temporary_folder() as folder, ExitStack() as stack:
        environment = {
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"ratewire{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            # Schedulers that spin while idle would take the cores from the tests.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
        }
        (folder / "enabled_plugins").write_text("[].\n")
        (folder / "rabbitmq.conf").write_text("log.console = true\nlog.file = false\n")
        # Erlang would start a name server that outlives everything; this one is ours.
        epmd = Server(
            f"127.0.0.1:{epmd_port}",
            [find_binary("epmd", "/usr/lib/erlang/erts-*/bin"), "-port", str(epmd_port)],
            folder=folder,
            is_ready=answers(epmd_port, b"\x00\x01n", b"\x00"),
            environment=environment,
        )
        stack.enter_context(running(epmd))
        yield stack.enter_context(
            running(
                Server(
                    f"amqp://guest:guest@127.0.0.1:{port}/",
                    # Not the one on the PATH, which changes the user and drops the environment.
                    [find_binary("rabbitmq-server", "/usr/lib/rabbitmq/bin")],
                    folder=folder,
                    is_ready=answers(port, b"AMQP\x00\x00\x09\x01", b"RabbitMQ"),
                    environment=environment,
                )
            )
        )


@contextmanager
def start_postgres() -> Iterator[Server]:
    """Run a Postgres; as the user postgres where the tests run as root, which it refuses."""
    port, places = free_port(), "/usr/lib/postgresql/*/bin"
    with temporary_folder() as folder:
        prefix: list[str] = []
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            prefix = [find_binary("setpriv"), "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        data = str(folder / "data")
        subprocess.run(
            [
                *prefix,
                find_binary("initdb", places),
                *["-U", "ratewire", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"],
                data,
            ],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=START_TIMEOUT_S,
        )
        command = [*prefix, find_binary("postgres", places), "-D", data, "-p", str(port), "-h", "127.0.0.1"]
        command += ["-c", "unix_socket_directories=", "-c", "fsync=off"]
        is_ready = [find_binary("pg_isready", places), "-q", "-h", "127.0.0.1", "-p", str(port)]
        server = Server(
            f"postgresql+asyncpg://ratewire@127.0.0.1:{port}/postgres",
            command,
            folder=folder,
            is_ready=lambda: subprocess.run(is_ready, check=False, timeout=10).returncode == 0,
        )
        with running(server):
            yield server
