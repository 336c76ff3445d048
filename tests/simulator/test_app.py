"""The composition root and the settings."""

import asyncio
import socket
from pathlib import Path

import pytest
from pydantic import ValidationError

from rates.errors import InvalidSetting, PortInUse
from simulator.app import run
from simulator.assets import read_assets, read_currencies
from simulator.server import run_simulator
from simulator.settings import SimulatorSettings
from tests.simulator.conftest import TIMEOUT_SECONDS

pytestmark = pytest.mark.servers


async def test_it_serves_until_told_to_stop() -> None:
    """`run` returns soon after the event is set."""
    stop = asyncio.Event()
    async with asyncio.timeout(TIMEOUT_SECONDS), asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(run(SimulatorSettings(http_port=0, ws_port=0), stop))
        stop.set()
        await serving


async def test_a_taken_port_is_named() -> None:
    """The message says which port and which variable changes it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"{port}.*RATEWIRE_SIMULATOR_WS_PORT"):
            await run(SimulatorSettings(http_port=0, ws_port=port), asyncio.Event())


async def test_a_host_that_is_not_ours_is_named() -> None:
    """Instead of a bare OSError."""
    with pytest.raises(InvalidSetting, match="RATEWIRE_SIMULATOR_HOST"):
        await run(SimulatorSettings(host="192.0.2.1", http_port=0, ws_port=0), asyncio.Event())


async def test_an_error_of_the_caller_comes_back_as_it_was() -> None:
    """The error is not wrapped in the simulator's exception group."""

    async def fail() -> None:
        async with run_simulator(SimulatorSettings(http_port=0, ws_port=0)):
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await fail()


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are separated by commas; a bad value names its field."""
    monkeypatch.setenv("RATEWIRE_SIMULATOR_REPLAY", "a.txt.gz,b.jsonl.gz")
    monkeypatch.setenv("RATEWIRE_SIMULATOR_SPEED", "20")
    monkeypatch.setenv("RATEWIRE_SIMULATOR_COINGECKO_KEYS", "x,y")
    settings = SimulatorSettings()
    assert settings.replay == (Path("a.txt.gz"), Path("b.jsonl.gz"))
    assert (settings.speed, settings.coingecko_keys) == (20.0, ("x", "y"))
    monkeypatch.setenv("RATEWIRE_SIMULATOR_SPEED", "0")
    with pytest.raises(ValidationError, match="speed"):
        SimulatorSettings()


def test_every_setting_is_described() -> None:
    """Prose on what a larger or smaller value does."""
    for name, field in SimulatorSettings.model_fields.items():
        assert field.description, name
        assert len(field.description) > 40, name


def test_the_committed_facts_fit_together() -> None:
    """Every asset has a start price on its tick; the currencies are CoinGecko's 63."""
    assets = read_assets()
    assert len(assets) == 68
    assert all(asset.start_price % asset.tick_size == 0 for asset in assets)
    assert len(read_currencies()) == 63
