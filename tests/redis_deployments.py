"""Redis as a three-shard cluster, under Sentinel, and behind one address, for tests.

Free ports of 127.0.0.1.

Fixtures, once a session: `redis_cluster`, `redis_sentinel`.
"""

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from runtime.free_port import free_port
from tests.backends import (
    POLL_S,
    START_TIMEOUT_S,
    ServerProcess,
    answers,
    find_binary,
    running,
    temporary_folder,
)

# Milliseconds after which the servers treat a silent one as failed: small, to keep failovers short.
NODE_TIMEOUT_MS = 1_000
SERVICE = "ratewire"
Reply = str


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll `condition`; fail the test if it does not hold within the start timeout."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {START_TIMEOUT_S} s for {what}", pytrace=False)
        time.sleep(POLL_S)


def ask(port: int, *command: str) -> Reply:
    """Run a command with redis-cli; errors are part of the reply."""
    call = [find_binary("redis-cli"), "-h", "127.0.0.1", "-p", str(port), *command]
    return subprocess.run(call, check=False, capture_output=True, text=True, timeout=START_TIMEOUT_S).stdout


def redis_node(folder: Path, *options: str) -> tuple[ServerProcess, int]:
    """A Redis server with a folder of its own; not started."""
    port = free_port()
    home = folder / str(port)
    home.mkdir()
    command = [find_binary("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--daemonize", "no"]
    command += ["--save", "", "--appendonly", "no", *options]
    ready = answers(port, b"PING\r\n", b"+PONG")
    return ServerProcess(f"redis://127.0.0.1:{port}/0", command, folder=home, is_ready=ready), port


class RedisCluster:
    """Three primaries and a replica of each.

    `fail_over` kills the primary of a key; `mend` starts it again.
    """

    def __init__(self, servers: dict[int, ServerProcess]) -> None:
        self._servers = servers
        self._killed: list[int] = []
        self._frozen = 0

    @property
    def url(self) -> str:
        """The URL with the addresses of all nodes."""
        return f"redis+cluster://{','.join(f'127.0.0.1:{port}' for port in self._servers)}"

    @property
    def url_of_one_node(self) -> str:
        """A URL that does not say that the server is part of a cluster."""
        return next(iter(self._servers.values())).url

    def primary_of(self, key: str) -> int:
        """Port of the primary that has a key, as the nodes that run agree."""
        slot = int(ask(self._alive[0], "CLUSTER", "KEYSLOT", key))
        owners = {owner_of(ask(port, "CLUSTER", "NODES"), slot) for port in self._alive}
        return owners.pop() if len(owners) == 1 else 0

    def cut_replica(self, key: str, /) -> None:
        """Stop replication of the shard that has a key.

        What is written from here on is lost with its primary.
        """
        primary = self.primary_of(key)
        nodes = ask(primary, "CLUSTER", "NODES")
        self._frozen = replica_of(nodes, id_of_owner(nodes, int(ask(primary, "CLUSTER", "KEYSLOT", key))))
        self._servers[self._frozen].freeze()
        ask(primary, "CLIENT", "KILL", "TYPE", "replica")

    def fail_over(self, key: str, /) -> None:
        """Kill the primary that has a key and return; the cluster promotes its replica by itself."""
        port = self.primary_of(key)
        self._servers[port].kill()
        self._killed.append(port)
        if self._frozen:
            self._servers[self._frozen].thaw()
            self._frozen = 0

    def freeze_primary(self, key: str) -> None:
        """Stop the process of the primary that has a key; its connections stay open.

        `mend` ends that.
        """
        self._frozen = self.primary_of(key)
        self._servers[self._frozen].freeze()

    def promote_replica_of(self, key: str) -> None:
        """Swap the primary that has a key with its replica, both running."""
        slot = int(ask(self._alive[0], "CLUSTER", "KEYSLOT", key))
        primary = self.primary_of(key)
        nodes = ask(primary, "CLUSTER", "NODES")
        replica = replica_of(nodes, id_of_owner(nodes, slot))
        ask(replica, "CLUSTER", "FAILOVER", "TAKEOVER")

    def move_slot(self, key: str, *, work: Callable[[], None]) -> None:
        """Move the slot of a key to another primary while the cluster runs.

        `work` runs in the middle of it.
        """
        source, slot = self.primary_of(key), ask(self._alive[0], "CLUSTER", "KEYSLOT", key).strip()
        ids = {port: ask(port, "CLUSTER", "MYID").strip() for port in self._alive}
        nodes = [line.split() for line in ask(source, "CLUSTER", "NODES").splitlines()]
        primaries = [fields[0] for fields in nodes if "master" in fields[2] and "fail" not in fields[2]]
        target = next(port for port, node in ids.items() if port != source and node in primaries)
        ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        keys = ask(source, "CLUSTER", "GETKEYSINSLOT", slot, "100").split()
        half = len(keys) // 2
        for batch in (keys[:half], keys[half:]):
            ask(source, "MIGRATE", "127.0.0.1", str(target), "", "0", "5000", "KEYS", *batch)
            work()
        for port in (target, source, *self._alive):
            ask(port, "CLUSTER", "SETSLOT", slot, "NODE", ids[target])

    def kill_connections(self, key: str) -> None:
        """Close all subscriptions at the primary that has a key."""
        ask(self.primary_of(key), "CLIENT", "KILL", "TYPE", "pubsub")

    def mend(self) -> None:
        """Start killed nodes, thaw frozen ones, and wait until all agree that the cluster is whole."""
        if self._frozen:
            self._servers[self._frozen].thaw()
            self._frozen = 0
        for port in self._killed:
            self._servers[port].start()
        self._killed.clear()
        wait_until(self.is_whole, "the cluster to be whole")

    def is_whole(self) -> bool:
        return all(
            is_settled(ask(port, "CLUSTER", "NODES"), ask(port, "CLUSTER", "INFO")) for port in self._alive
        )

    @property
    def _alive(self) -> list[int]:
        return [port for port in self._servers if port not in (*self._killed, self._frozen)]


def is_settled(nodes: str, info: str) -> bool:
    """Whether a node sees three primaries, three connected replicas and all slots."""
    lines = [line.split() for line in nodes.splitlines()]
    primaries = [line for line in lines if "master" in line[2] and len(line) > 8]
    replicas = [line for line in lines if "slave" in line[2]]
    healthy = all("fail" not in line[2] and line[7] == "connected" for line in lines)
    return "cluster_state:ok" in info and len(primaries) == len(replicas) == 3 and healthy


def id_of_owner(nodes: str, slot: int) -> str:
    """Node ID of the primary of a slot in the reply of CLUSTER NODES."""
    for line in nodes.splitlines():
        fields = line.split()
        for span in fields[8:]:
            first, _, last = span.partition("-")
            if first.isdecimal() and int(first) <= slot <= int(last or first):
                return fields[0]
    return ""


def owner_of(nodes: str, slot: int) -> int:
    """Port of the primary of a slot in the reply of CLUSTER NODES; 0 if nobody has it."""
    owner = id_of_owner(nodes, slot)
    return next((port_in(line) for line in nodes.splitlines() if owner and line.startswith(owner)), 0)


def replica_of(nodes: str, primary: str) -> int:
    """Port of a replica of the primary with that ID."""
    return next(port_in(line) for line in nodes.splitlines() if line.split()[3] == primary)


def port_in(line: str) -> int:
    return int(line.split()[1].partition("@")[0].rpartition(":")[2])


@contextmanager
def start_cluster() -> Iterator[RedisCluster]:
    """Six nodes, joined."""
    with temporary_folder() as folder, ExitStack() as stack:
        servers: dict[int, ServerProcess] = {}
        for _ in range(6):
            bus = free_port()
            server, port = redis_node(
                folder,
                *["--cluster-enabled", "yes", "--cluster-port", str(bus)],
                *["--cluster-node-timeout", str(NODE_TIMEOUT_MS), "--cluster-require-full-coverage", "no"],
                *["--repl-diskless-sync-delay", "0", "--cluster-replica-validity-factor", "0"],
            )
            servers[port] = stack.enter_context(running(server))
        addresses = [f"127.0.0.1:{port}" for port in servers]
        create = [find_binary("redis-cli"), "--cluster", "create", *addresses]
        subprocess.run(
            [*create, "--cluster-replicas", "1", "--cluster-yes"],
            check=True,
            capture_output=True,
            timeout=START_TIMEOUT_S,
        )
        cluster = RedisCluster(servers)
        wait_until(cluster.is_whole, "the cluster to form")
        yield cluster


class RedisSentinel:
    """A primary, a replica and three Sentinels that watch them."""

    def __init__(self, servers: dict[int, ServerProcess], sentinels: Sequence[int]) -> None:
        self._servers, self._sentinels = servers, sentinels
        self._killed: list[int] = []
        self._frozen = 0

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    def primary(self) -> int:
        """Port of the primary, as the Sentinels agree; 0 while they do not."""
        ports = {
            ask(port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE).split()[-1] for port in self._sentinels
        }
        return int(ports.pop()) if len(ports) == 1 else 0

    def cut_replica(self, _: str = "", /) -> None:
        """Stop replication: what is written from here on is lost with the primary."""
        primary = self.primary()
        self._frozen = next(port for port in self._servers if port != primary)
        self._servers[self._frozen].freeze()
        ask(primary, "CLIENT", "KILL", "TYPE", "replica")

    def fail_over(self, _: str = "", /) -> None:
        """Kill the primary and return; the Sentinels promote the replica by themselves."""
        port = self.primary()
        self._servers[port].kill()
        self._killed.append(port)
        if self._frozen:
            self._servers[self._frozen].thaw()
            self._frozen = 0

    def mend(self) -> None:
        """Start what was killed and wait until a primary has a synchronised replica again."""
        for port in self._killed:
            self._servers[port].start()
            # The Sentinels would say so as well, up to 10 s later.
            ask(port, "REPLICAOF", "127.0.0.1", str(self.primary()))
        self._killed.clear()
        wait_until(self.is_whole, "the replica to follow the primary")

    def is_whole(self) -> bool:
        primary = self.primary()
        return primary in self._servers and "state=online" in ask(primary, "INFO", "replication")


@contextmanager
def start_sentinel() -> Iterator[RedisSentinel]:
    """Two Redis servers and three Sentinels that know each other."""
    with temporary_folder() as folder, ExitStack() as stack:
        options = ["--repl-diskless-sync-delay", "0"]
        primary, primary_port = redis_node(folder, *options)
        stack.enter_context(running(primary))
        replica, replica_port = redis_node(folder, *options, "--replicaof", "127.0.0.1", str(primary_port))
        stack.enter_context(running(replica))
        sentinels = [stack.enter_context(running_sentinel(folder, primary_port)) for _ in range(3)]
        deployment = RedisSentinel({primary_port: primary, replica_port: replica}, sentinels)

        def is_known() -> bool:
            states = [ask(port, "SENTINEL", "MASTER", SERVICE).split() for port in sentinels]
            fields = [dict(zip(state[::2], state[1::2], strict=False)) for state in states]
            return deployment.is_whole() and all(
                (each.get("num-slaves"), each.get("num-other-sentinels")) == ("1", "2") for each in fields
            )

        wait_until(is_known, "the Sentinels to know each other and the replica")
        yield deployment


@contextmanager
def running_sentinel(folder: Path, primary: int) -> Iterator[int]:
    """One Sentinel; yields its port."""
    port = free_port()
    home = folder / f"sentinel-{port}"
    home.mkdir()
    configuration = home / "sentinel.conf"
    configuration.write_text(
        f"port {port}\nbind 127.0.0.1\n"
        f"sentinel monitor {SERVICE} 127.0.0.1 {primary} 2\n"
        f"sentinel down-after-milliseconds {SERVICE} {NODE_TIMEOUT_MS}\n"
        f"sentinel failover-timeout {SERVICE} 5000\n"
    )
    server = ServerProcess(
        f"redis://127.0.0.1:{port}",
        [find_binary("redis-server"), str(configuration), "--sentinel"],
        folder=home,
        is_ready=answers(port, b"PING\r\n", b"+PONG"),
    )
    with running(server):
        yield port


class ForwardedRedis:
    """A primary and its replica behind one address, as behind a TCP proxy or a DNS name.

    `swap` promotes the replica, makes the old primary its replica and leads new connections to the new primary.
    Connections that are open stay with the server that they lead to.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = list(ports)
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def primary(self) -> int:
        return self._ports[0]

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for link in tuple(self._links):
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def swap(self) -> None:
        old, new = self._ports
        ask(new, "REPLICAOF", "NO", "ONE")
        ask(old, "REPLICAOF", "127.0.0.1", str(new))
        self._ports = [new, old]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.create_task(self._forward(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._ports[0])
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(pump(reader, upstream_writer))
                    group.create_task(pump(upstream_reader, writer))
            finally:
                upstream_writer.close()
        except* OSError:
            pass
        finally:
            writer.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes until the reader ends; then end the writer."""
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    with suppress(OSError):
        writer.close()


@contextmanager
def start_replicated_redis() -> Iterator[tuple[int, int]]:
    """Ports of a primary and its synchronised replica."""
    with temporary_folder() as folder, ExitStack() as stack:
        options = ["--repl-diskless-sync-delay", "0"]
        primary, primary_port = redis_node(folder, *options)
        stack.enter_context(running(primary))
        replica, replica_port = redis_node(folder, *options, "--replicaof", "127.0.0.1", str(primary_port))
        stack.enter_context(running(replica))
        wait_until(lambda: "state=online" in ask(primary_port, "INFO", "replication"), "the replica")
        yield primary_port, replica_port


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[RedisCluster]:
    with start_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def redis_sentinel() -> Iterator[RedisSentinel]:
    with start_sentinel() as sentinel:
        yield sentinel
