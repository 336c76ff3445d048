"""The distributed system, natively.

Each `ratewire` process with real Redis, RabbitMQ, Postgres and nginx on free ports.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cache.redis_client import open_redis
from drill.distributed.nginx import start_nginx
from drill.distributed.system import UNBUDGETED
from runtime.free_port import free_port
from simulator.feed_endpoint import PATHS
from tests.e2e.processes import Command, running, running_all


@dataclass
class System:
    """A running system: the clients' address, its processes by name, and their shared settings."""

    url: str
    gateways: Sequence[str]
    commands: dict[str, Command]
    env: Mapping[str, str]


@asynccontextmanager
async def distributed(
    redis_url: str,
    amqp_url: str,
    postgres_url: str,
    *,
    consumers: int = 4,
    streams: Sequence[str] = ("binance",),
    simulator: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    instruments: Sequence[Sequence[str]] = (),
    own_settings: Mapping[str, Mapping[str, str]] | None = None,
) -> AsyncIterator[System]:
    """Run the services of the compose file on an emptied Redis, with simulated exchanges.

    `streams` are the sources with a push feed; `settings` reach every process, `own_settings` the one of that name.

    `instruments` are arguments of `ratewire instruments`, run before the rest starts.
    """
    redis = open_redis(redis_url)
    await redis.flushall()
    await redis.aclose()
    http_port, ws_port = free_port(), free_port()
    env = {
        "RATEWIRE_REDIS_URL": redis_url,
        "RATEWIRE_AMQP_URL": amqp_url,
        "RATEWIRE_DATABASE_URL": postgres_url,
        "RATEWIRE_SIMULATED": "true",
        **UNBUDGETED,
        "RATEWIRE_SIMULATOR_HTTP_PORT": str(http_port),
        "RATEWIRE_SIMULATOR_WS_PORT": str(ws_port),
        "RATEWIRE_BINANCE_WS_API_URL": f"ws://127.0.0.1:{ws_port}/ws-api/v3",
        "RATEWIRE_BINANCE_STREAM_URLS": f"ws://127.0.0.1:{ws_port}",
        **{
            f"RATEWIRE_{source.upper()}_STREAM_URLS": f"ws://127.0.0.1:{ws_port}{path}"
            for source, path in PATHS.items()
        },
        "RATEWIRE_COINGECKO_URL": f"http://127.0.0.1:{http_port}/coingecko/api/v3",
        **(settings or {}),
    }
    for arguments in (["migrate"], *(["instruments", *each] for each in instruments)):
        async with running(*arguments, env=env) as command:
            assert await command.ends(within_s=60) == 0, command.text
    ports = [free_port(), free_port()]
    commands: dict[str, tuple[tuple[str, ...], Mapping[str, str]]] = {
        "simulator": (("simulator", *simulator), env),
        **{
            f"gateway-{number}": (("gateway",), {**env, "RATEWIRE_GATEWAY_PORT": str(port)})
            for number, port in enumerate(ports)
        },
        "coingecko": (("consumer", "coingecko"), env),
        **{f"binance-{number}": (("consumer", "binance"), env) for number in range(consumers)},
        "producer": (("producer",), env),
        **{f"{source}-stream": (("stream", source), env) for source in streams},
    }
    for name, own in (own_settings or {}).items():
        what, shared = commands[name]
        commands[name] = what, {**shared, **own}
    async with running_all(commands) as started:
        try:
            for number in range(len(ports)):
                await started[f"gateway-{number}"].prints("gateway listening", within_s=60)
            with start_nginx(ports) as nginx:
                yield System(nginx.url, [f"http://127.0.0.1:{port}" for port in ports], started, env)
        except BaseException as exc:
            for name, command in started.items():
                exc.add_note(f"--- {name}\n{command.text[-1500:]}")
            raise
