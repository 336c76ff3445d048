"""Fixtures of the simulator's tests: a fake clock, simulators on free ports, recordings."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal, Protocol, TypedDict, Unpack

import pytest
from websockets.asyncio.client import ClientConnection

from simulator.nanotime import SECOND, NsClock, now_ns
from simulator.server import SimulatorAddresses, run_simulator
from simulator.settings import SimulatorSettings
from tests.json_types import Json

START_NS = 1_700_000_040 * SECOND  # on a whole minute
PAYLOADS = Path(__file__).parent / "payloads"
RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings"
TIMEOUT_SECONDS = 10.0


class FakeClock:
    """A clock that only a test moves."""

    def __init__(self, at_ns: int = START_NS) -> None:
        self.at_ns = at_ns
        self._read = asyncio.Event()

    def __call__(self) -> int:
        self._read.set()
        return self.at_ns

    def advance(self, seconds: float) -> None:
        self.at_ns += int(seconds * SECOND)
        self._read.clear()

    async def read(self) -> None:
        """Wait until the simulation has seen the current time."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self._read.wait()


class SimulatorOptions(TypedDict, total=False):
    """The settings that tests change."""

    seed: int
    max_lag_seconds: float
    replay: tuple[Path, ...]
    speed: float
    times: Literal["shifted", "original"]
    begin: Literal["first-client", "at-once"]
    binance_weight_limit: int
    binance_refusals_before_ban: int
    binance_streams_per_connection: int
    binance_connections_per_5_minutes: int
    binance_connection_lifetime_seconds: float
    coingecko_calls_per_minute: int | None
    coingecko_refresh_seconds: float
    coingecko_host: Literal["public", "pro"]
    coingecko_keys: tuple[str, ...]


class OpenSimulator(Protocol):
    """Runs a simulator on free ports while the context is open."""

    def __call__(
        self, clock: NsClock = ..., **options: Unpack[SimulatorOptions]
    ) -> AbstractAsyncContextManager[SimulatorAddresses]: ...


@asynccontextmanager
async def _open(
    clock: NsClock = now_ns, **options: Unpack[SimulatorOptions]
) -> AsyncIterator[SimulatorAddresses]:
    if isinstance(clock, FakeClock):
        options.setdefault("max_lag_seconds", 600)  # a test's jump is no busy machine
    settings = SimulatorSettings(http_port=0, ws_port=0, **options)
    async with run_simulator(settings, clock=clock) as addresses:
        yield addresses


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def open_simulator() -> OpenSimulator:
    return _open


@pytest.fixture
def recording() -> Callable[[str], Path]:
    def find(name: str) -> Path:
        path = RECORDINGS / name
        if not path.exists():
            pytest.skip(f"the recording {name} is not beside the project, in ../shared/recordings")
        return path

    return find


async def receive(socket: ClientConnection) -> Json:
    """Receive the next message as JSON, within the tests' timeout."""
    return json.loads(await receive_text(socket))


async def receive_text(socket: ClientConnection) -> str:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        message = await socket.recv()
    assert isinstance(message, str)
    return message


async def ask(socket: ClientConnection, request: object) -> Json:
    """Send one JSON request and return the next message as its answer."""
    await socket.send(request if isinstance(request, str) else json.dumps(request))
    return await receive(socket)


async def closed_with(socket: ClientConnection) -> tuple[int | None, str | None]:
    """Wait until the server closes; return code and reason."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await socket.wait_closed()
    return socket.close_code, socket.close_reason
