"""Simulated sources, for tests of their folders."""

from instruments.listed import TradingStatus
from instruments.seed import read_seed
from rates.source import Source
from simulator.server import run_simulator
from simulator.settings import SimulatorSettings
from standalone.simulated import simulated_sources
from tests.pipeline.fakes import source_context


async def check_listing(source: Source) -> None:
    """Check that a source's simulated listing has all seed instruments, split alike and trading."""
    async with run_simulator(SimulatorSettings(http_port=0, ws_port=0)) as addresses:
        open_listing = simulated_sources(addresses)[source].open_listing
        assert open_listing is not None
        async with open_listing(source_context(source, simulated=True)) as listing:
            listed = {one.source_symbol: one for one in (await listing.fetch_listing()).instruments}
    ours = [one for one in read_seed() if one.source is source]
    assert ours
    for instrument in ours:
        found = listed[instrument.source_symbol]
        assert (found.base, found.quote) == instrument.symbol
        assert found.status is TradingStatus.TRADING
