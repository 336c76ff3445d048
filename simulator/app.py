"""Composition root of `ratewire simulator`."""

import asyncio

from simulator.server import run_simulator
from simulator.settings import SimulatorSettings


async def run(settings: SimulatorSettings, stop: asyncio.Event) -> None:
    """Serve the simulated exchanges until `stop` is set.

    Raises:
        InvalidRecording: a file to replay cannot be read.
        InvalidSetting: the host is no address of this machine.
        PortInUse: one of the two ports is taken.
    """
    async with run_simulator(settings):
        await stop.wait()
