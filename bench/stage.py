"""What every measurement stands on: a Redis with a market in it, the two cores, and the servers that can be started."""

import asyncio
import http.client
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from bench import market
from bench.machine import Cores
from bench.processes import BenchFailed, Process, free_port, listens, python, running, running_redis
from rates.symbol import Symbol

ANSWER_TIMEOUT_S = 10


class Server(StrEnum):
    """Who is measured."""

    RATEWIRE = "ratewire"
    PLAIN = "plain Strawberry"
    BARE = "bare limit"


@dataclass(frozen=True)
class Started:
    """A server that listens."""

    server: Server
    port: int
    process: Process


class Stage:
    """A Redis and a database with `symbols` in them; starts servers on one core and writers on the other."""

    def __init__(self, folder: Path, cores: Cores, redis_url: str, redis: Process, symbols: int) -> None:
        self.folder = folder
        self.cores = cores
        self.redis = redis
        self.symbols: Sequence[Symbol] = market.make_symbols(symbols)
        self._redis_url = redis_url
        self._database_url = f"sqlite+aiosqlite:///{folder}/instruments.sqlite"
        asyncio.run(market.fill(redis_url, self._database_url, self.symbols))

    @contextmanager
    def serving(
        self, server: Server, command: Sequence[str] | None = None, *, on_all_cores: bool = False
    ) -> Iterator[Started]:
        """`server` (by another command where one is given), alone on its core or on all, for the length of the block."""
        port = free_port()
        log = self.folder / f"{server.name.lower()}.log"
        with running(
            [each.format(port=port) for each in command or self._command(server)],
            core=",".join(map(str, sorted(self.cores.all))) if on_all_cores else self.cores.server,
            log=log,
            environment=self._environment(port),
        ) as process:
            process.wait_until(lambda: listens(port) and (server is not Server.RATEWIRE or _is_ready(port)))
            yield Started(server, port, process)

    @contextmanager
    def writing(self, *, groups: int, interval_ms: float, symbols: int | None = None) -> Iterator[Process]:
        """A writer of prices (see `bench.writer`) that waits for its first line."""
        arguments = [self._redis_url, str(symbols or len(self.symbols)), str(groups), str(interval_ms)]
        log = self.folder / "writer.log"
        with running(
            python("bench.writer", *arguments), core=self.cores.load, log=log, with_stdin=True
        ) as process:
            yield process

    def read_written(self) -> tuple[int, float]:
        """What the last writer has written: tickers in all, and tickers a second between its first and last report.

        Raises:
            BenchFailed: it has not reported twice.
        """
        lines = [line.split() for line in (self.folder / "writer.log").read_text().splitlines()]
        if len(lines) < 2:
            raise BenchFailed(f"expected reports of the writer, saw {lines}")
        (first_s, first), (last_s, last) = lines[0], lines[-1]
        return int(last), (int(last) - int(first)) / (float(last_s) - float(first_s))

    def _command(self, server: Server) -> list[str]:
        match server:
            case Server.RATEWIRE:
                return python("ratewire", "gateway")
            case Server.PLAIN:
                return python("bench.plain_strawberry", "{port}", self._redis_url)
            case Server.BARE:
                return python("bench.bare_websocket", "{port}", self._redis_url)

    def _environment(self, port: int) -> dict[str, str]:
        return {
            "RATEWIRE_REDIS_URL": self._redis_url,
            "RATEWIRE_DATABASE_URL": self._database_url,
            "RATEWIRE_SIMULATED": "true",
            "RATEWIRE_LOG_LEVEL": "warning",
            "RATEWIRE_GATEWAY_PORT": str(port),
        }


@contextmanager
def staged(cores: Cores, symbols: int) -> Iterator[Stage]:
    """A stage in a temporary folder; nothing of it is left."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ratewire-bench-")))
        url, redis = stack.enter_context(running_redis(folder, cores.load))
        yield Stage(folder, cores, url, redis, symbols)


def ask(port: int, body: str) -> bytes:
    """One answer of a GraphQL server over HTTP, for checking it.

    Raises:
        BenchFailed: it is not 200, or has errors.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("POST", "/graphql", body, {"content-type": "application/json"})
        response = connection.getresponse()
        data = response.read()
    finally:
        connection.close()
    if response.status != 200 or "errors" in json.loads(data):
        raise BenchFailed(f"expected an answer without errors, saw {response.status} {data[:300]!r}")
    return data


def items(data: bytes) -> list[Any]:
    """The rates in an answer."""
    answer: dict[str, Any] = json.loads(data)["data"]
    return list(answer["rates"]["items"]) if "rates" in answer else [answer["rate"]]


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
