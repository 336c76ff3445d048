"""Gateways as processes of their own over one Redis, and the writer that feeds them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx

from cache.redis_client import open_redis
from cache.redis_sink import RedisTickerSink
from drill.distributed.system import UNBUDGETED
from instruments.instrument import Instrument
from instruments.store import InstrumentStore
from rates.redis_keys import RedisKeys
from rates.source import ObservedAtOrigin, Source
from rates.symbol import parse_symbol
from rates.ticker import Ticker
from runtime.free_port import free_port
from tests.e2e.processes import Command, eventually, running_all
from tests.migrated import migrate_new


@dataclass(frozen=True)
class GatewayProcess:
    """One gateway: where it listens, and its process."""

    http: str
    ws: str
    command: Command

    def resident_bytes(self) -> int:
        """The memory that it occupies now."""
        status = Path(f"/proc/{self.command.process.pid}/status").read_text()
        line = next(each for each in status.splitlines() if each.startswith("VmRSS"))
        return int(line.split()[1]) * 1024


class Writer:
    """Writes tickers of Binance. Each write is later than the one before."""

    def __init__(self, redis_url: str) -> None:
        self._redis = open_redis(redis_url)
        self._sink = RedisTickerSink(self._redis, RedisKeys(True))
        self._written = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._redis.aclose()

    async def write(self, prices: dict[str, int]) -> None:
        """One write of these symbols at these prices."""
        self._written += 1
        now = datetime.now(UTC)
        tickers = [
            Ticker(
                source=Source.BINANCE,
                symbol=parse_symbol(symbol),
                price=Decimal(price),
                observed_at=now + timedelta(microseconds=self._written),
                observed_at_origin=ObservedAtOrigin.SOURCE,
                received_at=now,
                sequence=self._written,
                simulated=True,
            )
            for symbol, price in prices.items()
        ]
        assert await self._sink.write(tickers) == len(tickers)

    async def cut_subscriptions(self) -> None:
        """Close the subscriptions of all gateways: they miss what is written until they are back."""
        await self._redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    async def forget(self) -> None:
        """Empty the Redis, as a restart without a file does."""
        await self._redis.flushall()


async def is_ready(client: httpx.AsyncClient, port: str) -> bool:
    """Whether the gateway has read what it answers from."""
    try:
        return (await client.get(f"http://127.0.0.1:{port}/health/ready")).status_code == 200
    except httpx.TransportError:
        return False


def database_url(folder: Path) -> str:
    """Return the address of the database of gateways that were started with this folder."""
    return f"sqlite+aiosqlite:///{folder}/instruments.db"


@asynccontextmanager
async def gateway_processes(
    count: int,
    redis_url: str,
    folder: Path,
    symbols: Sequence[str],
    *,
    access: Any = None,
    anew: Any = False,
    **settings: object,
) -> AsyncIterator[list[GatewayProcess]]:
    """Run this many gateways that track these symbols at Binance.

    `settings` and the mapping `access` are environment variables, without the prefixes of the gateway's settings and of those of keys and plans.
    `anew`: as in `tests.e2e.processes.running`. Of several gateways only the first is forked: forks order sets alike, because they
    have the hash seed of one process, and gateways that replace each other must not depend on that.
    """
    env = {
        "RATEWIRE_REDIS_URL": redis_url,
        "RATEWIRE_DATABASE_URL": database_url(folder),
        "RATEWIRE_SIMULATED": "true",
        **UNBUDGETED,
        **{f"RATEWIRE_ACCESS_{name.upper()}": value for name, value in (access or {}).items()},
        **{f"RATEWIRE_GATEWAY_{name.upper()}": str(value) for name, value in settings.items()},
    }
    await migrate_new(env["RATEWIRE_DATABASE_URL"])
    store = InstrumentStore(env["RATEWIRE_DATABASE_URL"])
    pairs = [(symbol, parse_symbol(symbol)) for symbol in symbols]
    await store.add(Instrument(Source.BINANCE, pair, text.replace("/", ""), text) for text, pair in pairs)
    await store.close()
    async with aclosing(open_redis(redis_url)) as redis:
        # Of another test's database: the gateways would keep what this one lacks.
        await redis.delete(RedisKeys(simulated=True).instruments())
    ports = [free_port() for _ in range(count)]
    commands = {str(port): (("gateway",), {**env, "RATEWIRE_GATEWAY_PORT": str(port)}) for port in ports}
    async with running_all(commands, anew=list(commands)[0 if anew else 1 :]) as started:
        async with httpx.AsyncClient(timeout=60) as client:
            for port, command in started.items():
                await command.prints("gateway listening", within_s=60)
                await eventually(
                    partial(is_ready, client, port), within_s=60, what="cache and instruments read"
                )
        yield [
            GatewayProcess(f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/graphql", started[str(port)])
            for port in ports
        ]
