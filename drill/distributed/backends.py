"""Private Redis, RabbitMQ and Postgres, which can be frozen, killed and started again."""

import os
import pwd
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from drill.distributed.server_process import (
    START_TIMEOUT_S,
    ServerProcess,
    answers,
    find_binary,
    running,
    temporary_folder,
)
from runtime.free_port import free_port


@contextmanager
def start_redis(environment: Mapping[str, str] | None = None) -> Iterator[ServerProcess]:
    """Run a Redis."""
    port = free_port()
    with temporary_folder() as folder:
        command = [find_binary("redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--daemonize", "no"]
        ready = answers(port, b"PING\r\n", b"+PONG")
        url = f"redis://127.0.0.1:{port}/0"
        with running(
            ServerProcess(url, command, folder=folder, is_ready=ready, environment=environment)
        ) as server:
            yield server


@contextmanager
def start_rabbitmq() -> Iterator[ServerProcess]:
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
        epmd = ServerProcess(
            f"127.0.0.1:{epmd_port}",
            [find_binary("epmd", "/usr/lib/erlang/erts-*/bin"), "-port", str(epmd_port)],
            folder=folder,
            is_ready=answers(epmd_port, b"\x00\x01n", b"\x00"),
            environment=environment,
        )
        stack.enter_context(running(epmd))
        yield stack.enter_context(
            running(
                ServerProcess(
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
def start_postgres() -> Iterator[ServerProcess]:
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
        server = ServerProcess(
            f"postgresql+asyncpg://ratewire@127.0.0.1:{port}/postgres",
            command,
            folder=folder,
            is_ready=lambda: subprocess.run(is_ready, check=False, timeout=10).returncode == 0,
        )
        with running(server):
            yield server
