"""Composition of the simulator as one context manager."""

import asyncio
import dataclasses
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rates.errors import InvalidSetting, PortInUse
from simulator.binance.api_connection import RequestInterceptor
from simulator.binance.endpoints import ApiEndpoint, StreamsEndpoint
from simulator.binance.limits import RequestWeightLimit
from simulator.binance.rest import BinanceRest
from simulator.client_limit_monitor import ClientLimitMonitors
from simulator.coingecko.rest import CoinGeckoRest
from simulator.endpoint import Endpoint
from simulator.faults.active_faults import ActiveFaults
from simulator.faults.api import FaultApi
from simulator.faults.client import STATUS_PATH
from simulator.faults.fault import Fault
from simulator.faults.frame_faults import is_stream_of
from simulator.faults.middleware import FaultMiddleware
from simulator.faults.price_observer import NullPriceObserver, PriceObserver
from simulator.faults.requests import RequestFaults
from simulator.faults.symbol_names import symbol_names
from simulator.faults.world import FaultyWorld
from simulator.feed_endpoint import PATHS, feed_endpoints
from simulator.generated.world import GeneratedWorld
from simulator.http_server import HttpServer
from simulator.klines import kline_routes
from simulator.label_middleware import LabelMiddleware
from simulator.listings import listing_routes
from simulator.markets import World
from simulator.nanotime import NsClock, now_ns
from simulator.replay.recording import Recording
from simulator.replay.world import ReplayWorld
from simulator.settings import SimulatorSettings
from simulator.simulation_loop import SimulationLoop
from simulator.socket_server import SocketServer
from simulator.sources import BINANCE, BYBIT, COINBASE, COINGECKO, KRAKEN, OKX, SOURCES

START_SECONDS = 10.0
BACKLOG = 512

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SimulatorAddresses:
    """The URLs of the simulated exchanges; for a wildcard host they name the loopback interface."""

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
    """Create the market that the settings ask for.

    Raises:
        InvalidRecording: a file to replay cannot be read.
    """
    if not settings.replay:
        return GeneratedWorld(
            settings.seed,
            clock(),
            refresh_seconds=settings.coingecko_refresh_seconds,
            max_lag_seconds=settings.max_lag_seconds,
        )
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
    price_observer: PriceObserver | None = None,
) -> AsyncIterator[SimulatorAddresses]:
    """Serve the simulated exchanges while the context is open.

    `price_observer` receives every published price.

    Raises:
        InvalidRecording: a file to replay cannot be read.
        InvalidSetting: the host is no address of this machine.
        PortInUse: one of the two ports is taken.
    """
    active_faults = ActiveFaults(clock)
    market = world or make_world(settings, clock)
    simulation = SimulationLoop(
        FaultyWorld(market, active_faults, price_observer or NullPriceObserver()), clock
    )
    monitors = ClientLimitMonitors(SOURCES)
    weights = RequestWeightLimit(
        settings.binance_weight_limit,
        settings.binance_refusals_before_ban,
        settings.binance_ban_seconds,
        monitors.for_source(BINANCE),
    )
    with (
        _listening(settings.host, settings.http_port, "RATEWIRE_SIMULATOR_HTTP_PORT") as http_socket,
        _listening(settings.host, settings.ws_port, "RATEWIRE_SIMULATOR_WS_PORT") as ws_socket,
    ):
        addresses = _addresses(settings.host, http_socket, ws_socket, simulation.world.label)
        control = FaultApi(active_faults, lambda: symbol_names(market))
        http = HttpServer(
            _http_app(simulation, monitors, weights, active_faults, control, settings=settings), active_faults
        )
        endpoints = _endpoints(simulation, monitors, weights, RequestFaults(active_faults), settings)
        active_faults.on_change.append(partial(_drop_dead_subscriptions, simulation))
        sockets = SocketServer(simulation, endpoints, monitors, active_faults)
        try:
            async with asyncio.TaskGroup() as tasks, sockets.listen(ws_socket):
                serving = tasks.create_task(http.serve([http_socket]))
                playing = tasks.create_task(simulation.run())
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
            # Re-raise the caller's own error without the exception group of our task group.
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise


def _drop_dead_subscriptions(simulation: SimulationLoop, fault: Fault, active: bool) -> None:
    """Kill the open subscriptions of a channel, until the client renews them."""
    if active and fault.kind == "dead-channel" and fault.parameters["scope"] == "open":
        for _ in range(simulation.drop_subscriptions(partial(is_stream_of, fault))):
            fault.record_hit()


def _endpoints(
    simulation: SimulationLoop,
    monitors: ClientLimitMonitors,
    weights: RequestWeightLimit,
    interceptor: RequestInterceptor,
    settings: SimulatorSettings,
) -> list[Endpoint]:
    binance = monitors.for_source(BINANCE)
    return [
        ApiEndpoint(simulation, binance, weights, interceptor, settings),
        StreamsEndpoint(simulation, binance, settings),
        *feed_endpoints(simulation, monitors),
    ]


def _http_app(
    simulation: SimulationLoop,
    monitors: ClientLimitMonitors,
    weights: RequestWeightLimit,
    active_faults: ActiveFaults,
    control: FaultApi,
    *,
    settings: SimulatorSettings,
) -> LabelMiddleware:
    async def status(_request: Request) -> Response:
        await simulation.catch_up()
        facts = {"simulated": simulation.world.label, **simulation.world.status()}
        return JSONResponse({**facts, "clients": monitors.status(), "faults": control.status()})

    coingecko = CoinGeckoRest(simulation, monitors.for_source(COINGECKO), settings)
    active_faults.on_change.append(
        lambda fault, _active: coingecko.clear() if fault.source == COINGECKO else None
    )
    routes = [
        Route(STATUS_PATH, status),
        *control.routes(),
        *BinanceRest(simulation, monitors.for_source(BINANCE), weights).routes(),
        *coingecko.routes(),
        *listing_routes(simulation, monitors),
        *kline_routes(simulation, monitors),
    ]
    return LabelMiddleware(
        FaultMiddleware(Starlette(routes=routes), active_faults, monitors), simulation.world.label
    )


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


def _addresses(host: str, http: socket.socket, ws: socket.socket, label: str) -> SimulatorAddresses:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - compared, not bound
    web, sockets = f"http://{shown}:{http.getsockname()[1]}", f"ws://{shown}:{ws.getsockname()[1]}"
    return SimulatorAddresses(
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


def _announce(addresses: SimulatorAddresses) -> None:
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
