"""SIGTERM while a part of the system hangs.

Every process still stops within the grace period of the compose file.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from runtime.free_port import free_port
from tests.backends import ServerProcess
from tests.e2e.processes import Command, running, running_all
from tests.lengths import only_long

pytestmark = pytest.mark.timeout(180)

# What our compose file allows.
GRACE_S = 20
SETTINGS = {
    "RATEWIRE_PRODUCER_INTERVAL_S": "1",
    # Something of a listing is always under way.
    "RATEWIRE_LISTINGS_INTERVAL_S": "1",
    "RATEWIRE_LISTINGS_INTERVALS_S": "{}",
}
# By the backend that hangs: the process that logs it first, and its message.
SIGNS = {
    "redis": ("stream kraken", "cannot report"),
    "rabbitmq": ("producer", "tick not issued"),
    "postgres": ("producer", "database away"),
}
AT_WORK = {
    "producer": "producing",
    "consumer binance": "now=UP",
    "stream kraken": "now=UP",
    "listings": "listing read",
    "gateway": "gateway listening",
}


# One of each kind.
NAMES = ("producer", "consumer binance", "stream kraken", "listings", "gateway")


@asynccontextmanager
async def system(
    servers: Mapping[str, ServerProcess], *, anew: bool = False
) -> AsyncIterator[dict[str, Command]]:
    """Run one process of every kind, keyed by its command, with simulated exchanges.

    `anew`: as in `tests.e2e.processes.running`.
    """
    http, ws = free_port(), free_port()
    env = {
        **backends_of(servers),
        **SETTINGS,
        "RATEWIRE_GATEWAY_PORT": str(free_port()),
        "RATEWIRE_SIMULATOR_HTTP_PORT": str(http),
        "RATEWIRE_SIMULATOR_WS_PORT": str(ws),
        "RATEWIRE_BINANCE_WS_API_URL": f"ws://127.0.0.1:{ws}/ws-api/v3",
        "RATEWIRE_KRAKEN_STREAM_URLS": f"ws://127.0.0.1:{ws}/kraken/v2",
        "RATEWIRE_BINANCE_REST_URL": f"http://127.0.0.1:{http}",
        "RATEWIRE_KRAKEN_REST_URL": f"http://127.0.0.1:{http}/kraken",
    }
    async with running("migrate", env=env) as migration:
        assert await migration.ends(within_s=60) == 0, migration.text
    started = {name: (tuple(name.split()), env) for name in ("simulator", *NAMES)}
    async with running_all(started, anew=started if anew else ()) as commands:
        for name, sign in AT_WORK.items():
            await commands[name].prints(sign, within_s=60)
        yield commands


def backends_of(servers: Mapping[str, ServerProcess]) -> dict[str, str]:
    return {
        "RATEWIRE_REDIS_URL": servers["redis"].url,
        "RATEWIRE_AMQP_URL": servers["rabbitmq"].url,
        "RATEWIRE_DATABASE_URL": servers["postgres"].url,
        "RATEWIRE_SIMULATED": "true",
    }


async def stop_all(commands: Mapping[str, Command]) -> None:
    """Send SIGTERM to all: each exits with 0 in time, without a traceback."""
    for command in commands.values():
        command.process.send_signal(signal.SIGTERM)
    ends = (command.ends(within_s=GRACE_S) for command in commands.values())
    codes = dict(zip(commands, await asyncio.gather(*ends, return_exceptions=True), strict=True))
    assert codes == dict.fromkeys(commands, 0), {
        name: commands[name].text[-1500:] for name, code in codes.items() if code != 0
    }
    for name, command in commands.items():
        assert "Traceback" not in command.text, f"{name}: {command.text[-3000:]}"


@pytest.fixture
def servers(
    redis_server: ServerProcess, rabbitmq_server: ServerProcess, postgres_server: ServerProcess
) -> dict[str, ServerProcess]:
    servers = {"redis": redis_server, "rabbitmq": rabbitmq_server, "postgres": postgres_server}
    for server in servers.values():
        server.start()
    return servers


@pytest.mark.parametrize(
    "hanging",
    [
        "redis",
        pytest.param("rabbitmq", marks=pytest.mark.long),
        pytest.param("postgres", marks=pytest.mark.long),
    ],
)
async def test_every_process_stops_while_a_backend_hangs(
    servers: dict[str, ServerProcess], hanging: str
) -> None:
    """The backend keeps its connections open and answers nothing."""
    async with system(servers) as commands:
        servers[hanging].freeze()
        try:
            name, sign = SIGNS[hanging]
            await commands[name].prints(sign, within_s=60)
            del commands["simulator"]
            await stop_all(commands)
        finally:
            servers[hanging].thaw()


@pytest.mark.parametrize("anew", [False, *only_long(True)], ids=["forked", "started"])
async def test_every_process_stops_while_the_sources_hang(
    servers: dict[str, ServerProcess], anew: bool
) -> None:
    """The sources answer neither requests nor close frames.

    In `make test-long` every kind of process is started as users start it, too.
    """
    async with system(servers, anew=anew) as commands:
        simulator = commands.pop("simulator")
        simulator.process.send_signal(signal.SIGSTOP)
        try:
            await commands["stream kraken"].prints("connection lost", within_s=60)
            await stop_all(commands)
        finally:
            simulator.process.send_signal(signal.SIGCONT)


async def test_every_process_stops_while_it_still_waits_for_a_backend(
    servers: dict[str, ServerProcess],
) -> None:
    """SIGTERM during the retries of the start-up is no failure."""
    env = backends_of(servers)
    async with AsyncExitStack() as stack:
        servers["redis"].freeze()
        stack.callback(servers["redis"].thaw)
        commands = {
            name: await stack.enter_async_context(
                running(*name.split(), env={**env, "RATEWIRE_GATEWAY_PORT": str(free_port())})
            )
            for name in (*NAMES, "gateway --workers 2")
        }
        for command in commands.values():
            await command.prints("retrying", within_s=60)
        await stop_all(commands)
