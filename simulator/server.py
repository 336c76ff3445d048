"""The simulator as one thing to open and close: world, player, two listening sockets. Owns every task it starts."""

import asyncio
import dataclasses
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rates.errors import InvalidSetting, PortInUse
from simulator.binance.doors import ApiDoor, StreamsDoor
from simulator.binance.limits import RequestWeight
from simulator.binance.rest import BinanceRest
from simulator.binance.ws_api import Disturbance
from simulator.coingecko.rest import CoinGeckoRest
from simulator.conduct import Conducts
from simulator.faults.board import FaultBoard
from simulator.faults.client import STATUS_PATH
from simulator.faults.control import FaultControl
from simulator.faults.http import FaultyHttp
from simulator.faults.ledger import Ledger, NoLedger
from simulator.faults.requests import RequestFaults
from simulator.faults.spelling import spelling
from simulator.faults.world import FaultyWorld
from simulator.feed_door import PATHS, feed_doors
from simulator.generated.world import GeneratedWorld
from simulator.http_server import HttpServer
from simulator.label import Labelled
from simulator.listings import listing_routes
from simulator.markets import World
from simulator.moments import NsClock, now_ns
from simulator.player import Player
from simulator.replay.recording import Recording
from simulator.replay.world import ReplayWorld
from simulator.settings import SimulatorSettings
from simulator.socket_server import Door, SocketServer
from simulator.sources import BINANCE, BYBIT, COINBASE, COINGECKO, KRAKEN, OKX, SOURCES

START_SECONDS = 10.0
BACKLOG = 512

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the simulated exchanges listen; for a wildcard host the addresses name the loopback interface."""

    binance_ws_api_url: str
    binance_stream_url: str
    binance_rest_url: str
    coingecko_url: str
    coinbase_stream_url: str
    coinbase_rest_url: str
    kraken_stream_url: str
    kraken_rest_url: str
    okx_stream_url: str
    okx_rest_url: str
    bybit_stream_url: str
    bybit_rest_url: str
    status_url: str
    label: str


def make_world(settings: SimulatorSettings, clock: NsClock) -> World:
    """The market that the settings ask for.

    Raises:
        InvalidRecording: a file to replay cannot be read.
    """
    if not settings.replay:
        return GeneratedWorld(settings.seed, clock(), refresh_seconds=settings.coingecko_refresh_seconds)
    world = ReplayWorld(
        Recording.read(settings.replay),
        speed=settings.speed,
        original_times=settings.times == "original",
    )
    if settings.begin == "at-once":
        world.begin(clock())
    return world


@asynccontextmanager
async def run_simulator(
    settings: SimulatorSettings,
    *,
    clock: NsClock = now_ns,
    world: World | None = None,
    ledger: Ledger | None = None,
) -> AsyncIterator[Addresses]:
    """Serve the simulated exchanges while the context is open; a `ledger` hears of every price that is published.

    Raises:
        InvalidRecording: a file to replay cannot be read.
        InvalidSetting: the host is no address of this machine.
        PortInUse: one of the two ports is taken.
    """
    board = FaultBoard(clock)
    market = world or make_world(settings, clock)
    player = Player(FaultyWorld(market, board, ledger or NoLedger()), clock)
    conducts = Conducts(SOURCES)
    weights = RequestWeight(
        settings.binance_weight_limit,
        settings.binance_refusals_before_ban,
        settings.binance_ban_seconds,
        conducts.of(BINANCE),
    )
    with (
        _listening(settings.host, settings.http_port, "RATEWIRE_SIMULATOR_HTTP_PORT") as http_socket,
        _listening(settings.host, settings.ws_port, "RATEWIRE_SIMULATOR_WS_PORT") as ws_socket,
    ):
        addresses = _addresses(settings.host, http_socket, ws_socket, player.world.label)
        control = FaultControl(board, lambda: spelling(market))
        http = HttpServer(_http_app(player, conducts, weights, board, control, settings=settings), board)
        doors = _doors(player, conducts, weights, RequestFaults(board), settings)
        sockets = SocketServer(player, doors, conducts, board)
        try:
            async with asyncio.TaskGroup() as tasks, sockets.listen(ws_socket):
                serving = tasks.create_task(http.serve([http_socket]))
                playing = tasks.create_task(player.run())
                try:
                    async with asyncio.timeout(START_SECONDS):
                        await http.started_serving.wait()
                    _announce(addresses)
                    yield addresses
                finally:
                    playing.cancel()
                    http.stop()
                    await serving
        except BaseExceptionGroup as group:
            # The caller's own error comes back as it was, not wrapped by our task group.
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise


def _doors(
    player: Player,
    conducts: Conducts,
    weights: RequestWeight,
    disturbance: Disturbance,
    settings: SimulatorSettings,
) -> list[Door]:
    binance = conducts.of(BINANCE)
    return [
        ApiDoor(player, binance, weights, disturbance, settings),
        StreamsDoor(player, binance, settings),
        *feed_doors(player, conducts),
    ]


def _http_app(
    player: Player,
    conducts: Conducts,
    weights: RequestWeight,
    board: FaultBoard,
    control: FaultControl,
    *,
    settings: SimulatorSettings,
) -> Labelled:
    async def status(_request: Request) -> Response:
        await player.catch_up()
        facts = {"simulated": player.world.label, **player.world.status()}
        return JSONResponse({**facts, "clients": conducts.status(), "faults": control.status()})

    coingecko = CoinGeckoRest(player, conducts.of(COINGECKO), settings)
    board.on_change.append(lambda fault, _put: coingecko.forget() if fault.source == COINGECKO else None)
    routes = [
        Route(STATUS_PATH, status),
        *control.routes(),
        *BinanceRest(player, conducts.of(BINANCE), weights).routes(),
        *coingecko.routes(),
        *listing_routes(player, conducts),
    ]
    return Labelled(FaultyHttp(Starlette(routes=routes), board, conducts), player.world.label)


@contextmanager
def _listening(host: str, port: int, setting: str) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise PortInUse(host, port, setting) from exc
        raise InvalidSetting(
            "RATEWIRE_SIMULATOR_HOST", host, f"expected an address of this machine ({exc.strerror})"
        ) from exc
    with listener:
        listener.setblocking(False)
        yield listener


def _addresses(host: str, http: socket.socket, ws: socket.socket, label: str) -> Addresses:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - compared, not bound
    web, sockets = f"http://{shown}:{http.getsockname()[1]}", f"ws://{shown}:{ws.getsockname()[1]}"
    return Addresses(
        binance_ws_api_url=f"{sockets}/ws-api/v3",
        binance_stream_url=sockets,
        binance_rest_url=f"{web}/binance",
        coingecko_url=f"{web}/coingecko/api/v3",
        coinbase_stream_url=sockets + PATHS[COINBASE],
        coinbase_rest_url=f"{web}/coinbase",
        kraken_stream_url=sockets + PATHS[KRAKEN],
        kraken_rest_url=f"{web}/kraken",
        okx_stream_url=sockets + PATHS[OKX],
        okx_rest_url=f"{web}/okx",
        bybit_stream_url=sockets + PATHS[BYBIT],
        bybit_rest_url=f"{web}/bybit",
        status_url=f"{web}{STATUS_PATH}",
        label=label,
    )


def _announce(addresses: Addresses) -> None:
    where = {
        name.removesuffix("_url"): value
        for name, value in dataclasses.asdict(addresses).items()
        if name.endswith("_url")
    }
    log.warning(
        "simulator.listens",
        note="these prices are SIMULATED, they are no exchange's",
        market=addresses.label,
        **where,
    )
