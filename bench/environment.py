"""Environment of a run: a populated Redis and database, two cores, the servers to start."""

import asyncio
import http.client
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bench import market
from bench.checkout import Checkout
from bench.keys import access_settings, create_keys
from bench.machine import Cores
from bench.node_peers import make_peer_command
from bench.processes import ROOT, BenchmarkError, Process, listens, python, running, running_redis
from bench.writer import READY
from rates.symbol import Symbol
from runtime.free_port import free_port

ANSWER_TIMEOUT_S = 10
# Clients are to be measured, not refused.
RAISED_LIMITS = {
    "RATEWIRE_GATEWAY_MAX_WAITING_JOINS": "100000",
    "RATEWIRE_GATEWAY_MAX_SOCKETS_PER_ADDRESS": "1000000",
    "RATEWIRE_GATEWAY_MAX_SOCKETS": "1000000",
    "RATEWIRE_GATEWAY_MAX_SUBSCRIPTIONS_PER_ADDRESS": "1000000",
    "RATEWIRE_GATEWAY_MAX_SUBSCRIPTIONS_IN_ALL": "1000000",
    "RATEWIRE_GATEWAY_MAX_LIVE_QUERIES": "1000000",
    "RATEWIRE_GATEWAY_MAX_LIVE_RATES": "10000000",
    "RATEWIRE_GATEWAY_MAX_COST": "10000000",
}
# Beside clients with keys, some without, which have the shipped plan.
ANONYMOUS_TOO = {"RATEWIRE_ACCESS_ANONYMOUS": "true"}


class Server(StrEnum):
    """A server under test."""

    RATEWIRE = "ratewire"
    PLAIN = "plain Strawberry"
    BARE = "bare limit"
    ASGI = "bare ASGI"
    MERCURIUS = "Mercurius"
    OTHER = "other commit"
    OPEN = "no keys"

    @property
    def is_ratewire(self) -> bool:
        """Whether it is Ratewire, of this source tree or of the other commit."""
        return self in {Server.RATEWIRE, Server.OTHER, Server.OPEN}


class Dialect(NamedTuple):
    """The parts of a document in which the schemas of the servers differ."""

    symbol: str
    """The type of a symbol."""
    source: str
    """The selection of a source."""


@dataclass(frozen=True)
class RunningServer:
    """A server that accepts connections."""

    server: Server
    port: int
    process: Process
    keys: Sequence[str] = ()
    """The keys of its clients; none: they need no key."""


class Environment:
    """A populated Redis and database; starts servers on one core and writers on the other."""

    def __init__(
        self,
        folder: Path,
        cores: Cores,
        redis_url: str,
        redis: Process,
        symbols: int,
        *,
        other: Checkout | None = None,
        keys: int = 0,
    ) -> None:
        self.folder = folder
        self.cores = cores
        self.redis = redis
        self.symbols: Sequence[Symbol] = market.make_symbols(symbols)
        self._redis_url = redis_url
        self._other = other
        self.database_url = f"sqlite+aiosqlite:///{folder}/instruments.sqlite"
        asyncio.run(market.populate(redis_url, self.database_url, self.symbols))
        self._keys = create_keys(self.database_url, keys)
        self._kept_by: ExitStack | None = None
        self._kept: dict[Server, RunningServer] = {}

    def keep_servers(self, stack: ExitStack) -> None:
        """Stop no server that is started from now on before `stack` is left."""
        self._kept_by = stack
        self._kept.clear()

    @property
    def is_fresh(self) -> bool:
        """Whether each measurement has a new server, of which the memory says something."""
        return self._kept_by is None

    @contextmanager
    def serving(
        self,
        server: Server,
        command: Sequence[str] | None = None,
        *,
        on_all_cores: bool = False,
        default_limits: bool = False,
    ) -> Iterator[RunningServer]:
        """Run `server` (or `command`) on its core, or on all, for the duration of the block.

        Its limits of sockets, subscriptions and costs are raised, except with `default_limits`.
        """
        start = partial(
            self._started, server, command, on_all_cores=on_all_cores, default_limits=default_limits
        )
        # One that is started in another way than usual is for this measurement only.
        if self._kept_by is None or command is not None or on_all_cores or default_limits:
            with start() as started:
                yield started
            return
        if server not in self._kept:
            self._kept[server] = self._kept_by.enter_context(start())
        yield self._kept[server]

    @contextmanager
    def _started(
        self,
        server: Server,
        command: Sequence[str] | None,
        *,
        on_all_cores: bool,
        default_limits: bool,
    ) -> Iterator[RunningServer]:
        port = free_port()
        log = self.folder / f"{server.name.lower()}.log"
        with running(
            [each.format(port=port) for each in command or self._command(server)],
            core=",".join(map(str, sorted(self.cores.all))) if on_all_cores else self.cores.server,
            log=log,
            variables={
                **self._settings(port, with_keys=bool(self._keys_of(server))),
                **(ANONYMOUS_TOO if default_limits else RAISED_LIMITS),
            },
            folder=self._other.folder if server is Server.OTHER and self._other else ROOT,
        ) as process:
            process.wait_until(lambda: listens(port) and (not server.is_ratewire or _is_ready(port)))
            yield RunningServer(server, port, process, self._keys_of(server))

    @contextmanager
    def writing(self, *, groups: int, interval_ms: float, symbols: int | None = None) -> Iterator[Process]:
        """Run a writer of prices (see `bench.writer`), which waits for its first line."""
        arguments = [self._redis_url, str(symbols or len(self.symbols)), str(groups), str(interval_ms)]
        log = self.folder / "writer.log"
        with running(
            python("bench.writer", *arguments), core=self.cores.load, log=log, with_stdin=True
        ) as process:
            process.wait_until(lambda: log.read_text().startswith(READY))
            yield process

    def writing_rate(self) -> AbstractContextManager[Process]:
        """Run a writer of the prices of the first instrument."""
        return self.writing(groups=1, interval_ms=0, symbols=1)

    @contextmanager
    def writing_candles(self) -> Iterator[Process]:
        """Run a writer of the bars of the first instrument (see `bench.candle_writer`)."""
        log = self.folder / "candle_writer.log"
        with running(
            python("bench.candle_writer", self._redis_url), core=self.cores.load, log=log, with_stdin=True
        ) as process:
            yield process

    def read_writer_report(self) -> tuple[int, float]:
        """Return the number of tickers that the last writer wrote, and its tickers/s.

        Raises:
            BenchmarkError: fewer than two reports.
        """
        lines = [line.split() for line in (self.folder / "writer.log").read_text().splitlines()[1:]]
        if len(lines) < 2:
            raise BenchmarkError(f"expected two reports of the writer, saw {lines}")
        (first_s, first), (last_s, last) = lines[0], lines[-1]
        return int(last), (int(last) - int(first)) / (float(last_s) - float(first_s))

    def dialect(self, server: Server) -> Dialect:
        """Return the dialect of a server; another commit has that of its own schema."""
        if server is Server.MERCURIUS:
            return Dialect("String", "source { code }")
        if not server.is_ratewire:
            return Dialect("String", "source")
        folder = self._other.folder if server is Server.OTHER and self._other else ROOT
        # Until version 0.1.0 was near, a source was an enum.
        is_object = "type Source implements Node" in (folder / "schema.graphql").read_text(encoding="utf-8")
        return Dialect("Symbol", "source { code }" if is_object else "source")

    def _command(self, server: Server) -> list[str]:
        match server:
            case Server.RATEWIRE | Server.OPEN:
                return python("ratewire", "gateway")
            case Server.PLAIN:
                return python("bench.plain_strawberry", "{port}", self._redis_url)
            case Server.BARE:
                return python("bench.bare_websocket", "{port}", self._redis_url)
            case Server.ASGI:
                return python("bench.bare_asgi_websocket", "{port}", self._redis_url)
            case Server.MERCURIUS:
                return make_peer_command("mercurius.mjs", self._redis_url)
            case Server.OTHER:
                assert self._other is not None
                return self._other.gateway_command

    def _keys_of(self, server: Server) -> Sequence[str]:
        return self._keys if server is Server.RATEWIRE else ()

    def _settings(self, port: int, *, with_keys: bool) -> dict[str, str]:
        return {
            "RATEWIRE_REDIS_URL": self._redis_url,
            "RATEWIRE_DATABASE_URL": self.database_url,
            "RATEWIRE_SIMULATED": "true",
            "RATEWIRE_LOG_LEVEL": "warning",
            "RATEWIRE_GATEWAY_PORT": str(port),
            # All clients come at once.
            "RATEWIRE_GATEWAY_JOIN_WAIT_S": "60",
            **access_settings(with_keys=with_keys),
        }


@contextmanager
def prepared_environment(
    cores: Cores, symbols: int, other: Checkout | None = None, *, keys: int = 0
) -> Iterator[Environment]:
    """Create an environment in a temporary folder, which is removed at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ratewire-bench-")))
        url, redis = stack.enter_context(running_redis(folder, cores.load))
        yield Environment(folder, cores, url, redis, symbols, other=other, keys=keys)


def post_query(server: RunningServer, body: str) -> bytes:
    """Send one query over HTTP, with a key if there are any, and return the response body.

    Raises:
        BenchmarkError: the status is not 200, or the response has errors.
    """
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=ANSWER_TIMEOUT_S)
    headers = {"content-type": "application/json"}
    if server.keys:
        headers["x-api-key"] = server.keys[0]
    try:
        connection.request("POST", "/graphql", body, headers)
        response = connection.getresponse()
        data = response.read()
    finally:
        connection.close()
    if response.status != 200 or "errors" in json.loads(data):
        raise BenchmarkError(f"expected a response without errors, saw {response.status} {data[:300]!r}")
    return data


def parse_rates(data: bytes) -> list[Any]:
    """Return the rates in a response body."""
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
