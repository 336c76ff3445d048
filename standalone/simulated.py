"""The sources as the simulator plays them: the real clients, pointed at its addresses."""

from dataclasses import asdict

from pipeline.sources.adapter import SourceAdapter
from pipeline.sources.registry import build, source_module
from rates.source import Source
from simulator.server import SimulatorAddresses


def simulated_sources(addresses: SimulatorAddresses) -> dict[Source, SourceAdapter]:
    """Every source that the simulator speaks for; any other is left out, so that no real value gets in."""
    return {
        source: build(source, **source_module(source).simulated(spoken_for))
        for source in Source
        if (spoken_for := _addresses_of(source, addresses))
    }


def _addresses_of(source: Source, addresses: SimulatorAddresses) -> dict[str, str]:
    """By what they are: `binance_stream_url` is Binance's `stream_url`."""
    prefix = f"{source.value}_"
    return {
        name.removeprefix(prefix): address
        for name, address in asdict(addresses).items()
        if name.startswith(prefix)
    }
