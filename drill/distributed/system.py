"""The distributed form on this machine, with relays and clocks to mislead it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from drill.distributed.backends import start_postgres, start_rabbitmq, start_redis
from drill.distributed.faked_clock import FakedClock
from drill.distributed.nginx import start_nginx
from drill.distributed.ratewire_process import RatewireProcess
from drill.distributed.relay import CuttableRelay, cuttable
from drill.distributed.server_process import NotStarted, ServerProcess, find_library
from rates.source import Source
from runtime.free_port import free_port
from simulator.feed_endpoint import PATHS
from simulator.sources import SOURCES

TTL_S = 6.0
COINGECKO_TTL_S = 12.0
INTERVAL_S = 2.0
UNREADY_AFTER_S = 20.0
# All clients come from one address, and begin again and again.
UNBUDGETED = {
    "RATEWIRE_ACCESS_PLANS": json.dumps(
        {"anonymous": dict.fromkeys(("points", "stream_points", "sockets", "subscriptions"))}
    )
}
# Sources that have processes here: polled and pushed, pushed only by a lone feed, polled only by a lone consumer.
DRILLED = (Source.BINANCE, Source.KRAKEN, Source.COINGECKO)
GATEWAYS = ("gateway-1", "gateway-2")
REDIS, RABBITMQ, POSTGRES = "redis", "rabbitmq", "postgres"
SERVERS = (REDIS, RABBITMQ, POSTGRES, "nginx")
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "simulator": ("simulator",),
    **dict.fromkeys(GATEWAYS, ("gateway",)),
    "producer": ("producer",),
    "consumer-binance-1": ("consumer", "binance"),
    "consumer-binance-2": ("consumer", "binance"),
    "consumer-coingecko": ("consumer", "coingecko"),
    "stream-binance": ("stream", "binance"),
    "stream-kraken": ("stream", "kraken"),
    "listings": ("listings",),
}
# Processes that reach a backend through a relay of their own, which can drop everything.
RELAYED = (
    ("gateway-1", REDIS),
    ("gateway-1", POSTGRES),
    ("producer", RABBITMQ),
    ("consumer-coingecko", RABBITMQ),
    ("consumer-coingecko", REDIS),
    ("stream-kraken", REDIS),
    ("listings", POSTGRES),
)
CLOCKS = (
    "gateway-1",
    "producer",
    "consumer-binance-1",
    "consumer-coingecko",
    "stream-kraken",
    "listings",
    REDIS,
)
# Each look at the file of a faked clock costs a system call, so processes look once a second.
CLOCK_READ_EVERY_S = 1
START_TIMEOUT_S = 120.0
POLL_S = 0.2
PROBES_ALLOWED = 1_000


@dataclass
class DistributedSystem:
    """Everything that runs, by name. `url` is the clients' address."""

    folder: Path
    servers: Mapping[str, ServerProcess]
    processes: Mapping[str, RatewireProcess]
    relays: Mapping[tuple[str, str], CuttableRelay]
    clocks: Mapping[str, FakedClock]
    ports: Mapping[str, int]
    started_at: float = field(default_factory=time.monotonic)

    @property
    def url(self) -> str:
        """The address of nginx, for clients."""
        return self.servers["nginx"].url

    def gateway_url(self, name: str) -> str:
        """The address of a single gateway."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def ended(self) -> list[str]:
        """Names of processes that do not run."""
        return [name for name, process in self.processes.items() if not process.is_running]


@asynccontextmanager
async def run_distributed(
    folder: Path, *, shortened: bool = True, with_clocks: bool = True
) -> AsyncIterator[DistributedSystem]:
    """Run the system until the block ends.

    `shortened`: TTLs and intervals of seconds instead of the defaults. `with_clocks`: some processes have clocks to set.

    Raises:
        NotStarted: a server is not installed, or something does not answer in time.
    """
    async with AsyncExitStack() as stack:
        clocks = _make_clocks(folder) if with_clocks else {}
        redis_env = clocks[REDIS].env if with_clocks else None
        backends = {
            REDIS: await stack.enter_async_context(in_thread(start_redis(_cached(redis_env)))),
            RABBITMQ: await stack.enter_async_context(in_thread(start_rabbitmq())),
            POSTGRES: await stack.enter_async_context(in_thread(start_postgres())),
        }
        relays = {
            (process, backend): await stack.enter_async_context(cuttable(port_of(backends[backend].url)))
            for process, backend in RELAYED
        }
        ports = {name: free_port() for name in GATEWAYS}
        shared = {**list_addresses(backends), **UNBUDGETED, **(_short_times() if shortened else {})}
        processes = {}
        for name, arguments in COMMANDS.items():
            env = {**shared, **_relayed(name, backends, relays)}
            if name in ports:
                env["RATEWIRE_GATEWAY_PORT"] = str(ports[name])
            if name in clocks:
                env |= _cached(clocks[name].env) or {}
            processes[name] = RatewireProcess(name, arguments, env, folder)
        await migrate_database(shared, folder)
        for process in processes.values():
            stack.push_async_callback(process.stop)
            await process.start()
        await _wait_until_ready(processes, ports)
        nginx = start_nginx(list(ports.values()), clients=PROBES_ALLOWED)
        servers = {**backends, "nginx": await stack.enter_async_context(in_thread(nginx))}
        system = DistributedSystem(folder, servers, processes, relays, clocks, ports)
        try:
            yield system
        finally:
            # All at once: they stop side by side, not one after the other.
            for server in servers.values():
                server.thaw()
            for relay in relays.values():
                relay.restore()
            await asyncio.gather(*(process.stop() for process in processes.values()))


def port_of(url: str) -> int:
    """Return the port in a URL."""
    port = urlsplit(url).port
    assert port is not None
    return port


def _make_clocks(folder: Path) -> dict[str, FakedClock]:
    find_library("libfaketimeMT.so.1", "usr/lib/*/faketime")
    return {name: FakedClock(folder, name) for name in CLOCKS}


def _cached(env: Mapping[str, str] | None) -> dict[str, str] | None:
    if env is None:
        return None
    kept = {key: value for key, value in env.items() if key != "FAKETIME_NO_CACHE"}
    return {**kept, "FAKETIME_CACHE_DURATION": str(CLOCK_READ_EVERY_S)}


def list_addresses(backends: Mapping[str, ServerProcess]) -> dict[str, str]:
    """Return the settings with the addresses of these servers, and of a simulator on free ports."""
    http_port, ws_port = free_port(), free_port()
    return {
        "RATEWIRE_REDIS_URL": backends[REDIS].url,
        **({"RATEWIRE_AMQP_URL": backends[RABBITMQ].url} if RABBITMQ in backends else {}),
        "RATEWIRE_DATABASE_URL": backends[POSTGRES].url,
        "RATEWIRE_SIMULATED": "true",
        "RATEWIRE_SIMULATOR_HTTP_PORT": str(http_port),
        "RATEWIRE_SIMULATOR_WS_PORT": str(ws_port),
        "RATEWIRE_BINANCE_WS_API_URL": f"ws://127.0.0.1:{ws_port}/ws-api/v3",
        "RATEWIRE_BINANCE_STREAM_URLS": f"ws://127.0.0.1:{ws_port}",
        "RATEWIRE_COINGECKO_URL": f"http://127.0.0.1:{http_port}/coingecko/api/v3",
        **{
            f"RATEWIRE_{source.upper()}_STREAM_URLS": f"ws://127.0.0.1:{ws_port}{path}"
            for source, path in PATHS.items()
        },
        **{
            f"RATEWIRE_{source.upper()}_REST_URL": f"http://127.0.0.1:{http_port}/{source}"
            for source in SOURCES
        },
    }


def _relayed(
    name: str, backends: Mapping[str, ServerProcess], relays: Mapping[tuple[str, str], CuttableRelay]
) -> dict[str, str]:
    variables = {
        REDIS: "RATEWIRE_REDIS_URL",
        RABBITMQ: "RATEWIRE_AMQP_URL",
        POSTGRES: "RATEWIRE_DATABASE_URL",
    }
    return {
        variables[backend]: backends[backend].url.replace(
            f":{port_of(backends[backend].url)}", f":{relay.own_port}"
        )
        for (process, backend), relay in relays.items()
        if process == name
    }


def _short_times() -> dict[str, str]:
    ttl_s = {**dict.fromkeys(DRILLED, TTL_S), Source.COINGECKO: COINGECKO_TTL_S}
    return {
        "RATEWIRE_GATEWAY_TTL_S": json.dumps(ttl_s),
        "RATEWIRE_GATEWAY_UNREADY_AFTER_S": str(UNREADY_AFTER_S),
        "RATEWIRE_GATEWAY_CATALOG_REFRESH_S": "2",
        "RATEWIRE_PRODUCER_INTERVAL_S": str(INTERVAL_S),
        "RATEWIRE_LISTINGS_INTERVAL_S": "4",
        "RATEWIRE_LISTINGS_INTERVALS_S": json.dumps({Source.COINGECKO: 8}),
        "RATEWIRE_COINGECKO_CALLS_PER_MINUTE": "1000",
        "RATEWIRE_SIMULATOR_COINGECKO_CALLS_PER_MINUTE": "0",
        "RATEWIRE_SIMULATOR_COINGECKO_REFRESH_SECONDS": "2",
    }


async def migrate_database(env: Mapping[str, str], folder: Path) -> None:
    """Create the tables, with the instruments that are tracked at first.

    Raises:
        NotStarted: it failed.
    """
    migration = RatewireProcess("migrate", ("migrate",), env, folder)
    await migration.start()
    if await migration.end():
        raise NotStarted(f"the database could not be migrated:\n{migration.read_log()[-3000:]}")


async def _wait_until_ready(processes: Mapping[str, RatewireProcess], ports: Mapping[str, int]) -> None:
    """Wait until every drilled source is UP on every gateway."""
    try:
        async with asyncio.timeout(START_TIMEOUT_S), httpx.AsyncClient(trust_env=False, timeout=5) as client:
            for port in ports.values():
                while not await _is_up(client, port):
                    ended = [name for name, process in processes.items() if not process.is_running]
                    if ended:
                        raise NotStarted(f"{ended[0]} ended:\n{processes[ended[0]].read_log()[-3000:]}")
                    await asyncio.sleep(POLL_S)
    except TimeoutError:
        logs = "\n".join(f"--- {name}\n{each.read_log()[-800:]}" for name, each in processes.items())
        raise NotStarted(f"not every source was UP within {START_TIMEOUT_S:g} s\n{logs}") from None


async def _is_up(client: httpx.AsyncClient, port: int) -> bool:
    try:
        sources = (await client.get(f"http://127.0.0.1:{port}/health/ready")).json()["sources"]
    except (httpx.TransportError, ValueError):
        return False
    return all(sources[source.name]["state"] == "UP" for source in DRILLED)


@asynccontextmanager
async def in_thread(server: AbstractContextManager[ServerProcess]) -> AsyncIterator[ServerProcess]:
    """Start and stop a server in a thread, so that relays and probes go on meanwhile."""
    entered = await asyncio.to_thread(server.__enter__)
    try:
        yield entered
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)
