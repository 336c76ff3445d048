"""Source adapters for the simulator: the real clients with the simulator's addresses."""

from dataclasses import asdict

from pipeline.sources.adapter import SourceAdapter
from pipeline.sources.registry import build_adapter, source_module
from rates.source import Source
from simulator.server import SimulatorAddresses


def simulated_sources(addresses: SimulatorAddresses) -> dict[Source, SourceAdapter]:
    """Build the adapters of all sources that the simulator has.

    Others are left out, so that no real value gets in.
    """
    return {
        source: build_adapter(source, **source_module(source).simulated(own))
        for source in Source
        if (own := _addresses_of(source, addresses))
    }


def _addresses_of(source: Source, addresses: SimulatorAddresses) -> dict[str, str]:
    """Return a source's addresses without the prefix: `binance_stream_url` → `stream_url`."""
    prefix = f"{source.value}_"
    return {
        name.removeprefix(prefix): address
        for name, address in asdict(addresses).items()
        if name.startswith(prefix)
    }
