"""Fixtures: a gateway over a history that a feed and a recorder have written."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.settings import GatewaySettings
from history.candle_reader import CandleReader
from instruments.store import InstrumentStore
from tests.gateway.fakes import FakeClock, ListedInstruments, wait_until
from tests.history.test_recorder import System
from tests.history.trades import at, trade
from tests.migrated import migrate_new

RECORDED_S = 200


@pytest.fixture(scope="session")
def recorded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a history, and the time at which it was recorded."""
    path = tmp_path_factory.mktemp("history") / "history.sqlite"
    asyncio.run(_record(path))
    return path


async def _record(path: Path) -> None:
    """Record three minutes and a part of the fourth.

    The first began before the connection, the second has trades, the third has none.
    """
    await migrate_new(_url(path))
    store = InstrumentStore(_url(path))
    system = System(store)
    await system.run(10, RECORDED_S, trade(1, 70), trade(2, 80, "101.50", "0.10"), trade(3, 190))
    await system.record()
    await store.close()


def _url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
async def database(tmp_path: Path, recorded_file: Path) -> AsyncIterator[InstrumentStore]:
    """A database with the recorded history."""
    path = tmp_path / "history.sqlite"
    shutil.copyfile(recorded_file, path)
    store = InstrumentStore(_url(path))
    yield store
    await store.close()


@pytest.fixture
def clock() -> FakeClock:
    clock = FakeClock()
    clock.now = at(RECORDED_S)
    return clock


@pytest.fixture
async def gateway(
    database: InstrumentStore, instruments: ListedInstruments, settings: GatewaySettings, clock: FakeClock
) -> AsyncIterator[Gateway]:
    """A gateway that reads the database."""
    history = CandleReader(database, simulated=False)
    gateway = Gateway(MemoryCache(), instruments, settings, simulated=False, history=history, clock=clock)
    task = asyncio.create_task(gateway.run())
    await wait_until(lambda: gateway.mirror.loaded and gateway.catalog.loaded)
    yield gateway
    task.cancel()
    await asyncio.wait([task])
