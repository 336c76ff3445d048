"""The whole system in this process, with one simulated source."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, closing
from pathlib import Path

from gateway.listening_socket import bind
from gateway.settings import GatewaySettings
from rates.source import Source
from runtime.settings import load_settings
from simulator.faults.client import FaultClient
from simulator.server import run_simulator
from simulator.settings import SimulatorSettings
from standalone.app import start_system
from standalone.database import open_database
from standalone.pipeline import SourceSet
from standalone.simulated import simulated_sources


@asynccontextmanager
async def run_system(
    folder: Path, source: Source, bases: Collection[str]
) -> AsyncIterator[tuple[str, FaultClient]]:
    """Run the system with some instruments of one source; yields its address and the faults.

    Settings are read from the environment.
    """
    stop = asyncio.Event()
    settings = load_settings(SimulatorSettings, http_port=0, ws_port=0, host="127.0.0.1")
    with closing(bind(load_settings(GatewaySettings))) as listener:
        async with (
            run_simulator(settings) as addresses,
            open_database(folder, (), simulated=True) as instruments,
            asyncio.TaskGroup() as group,
        ):
            for one in await instruments.read():
                if one.source is not source or one.symbol.base not in bases:
                    await instruments.remove(one.source, one.symbol)
            adapters = simulated_sources(addresses)
            sources = SourceSet({source: adapters[source]}, addresses.label)
            start_system(group, stop, sources, instruments, listener, with_listings=False)
            try:
                faults = FaultClient(addresses.status_url.removesuffix("/simulator/status"))
                yield f"http://127.0.0.1:{listener.getsockname()[1]}", faults
            finally:
                stop.set()
