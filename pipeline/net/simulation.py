"""Keeps simulated and real data apart: a server must be of the kind that is configured."""

from collections.abc import Mapping

from rates.errors import SimulationMismatch
from rates.source import Source

# In every HTTP response and WebSocket handshake of the simulator, and of no real source.
SIMULATED_HEADER = "X-Ratewire-Simulated"


def check_simulation(source: Source, headers: Mapping[str, str], *, simulated: bool) -> None:
    """Check that a server's response headers match the configuration.

    Raises:
        SimulationMismatch: one is simulated and the other is not.
    """
    label = headers.get(SIMULATED_HEADER)
    if simulated and label is None:
        raise SimulationMismatch(
            source, "simulated data is configured, but the response is not labelled as such"
        )
    if not simulated and label is not None:
        raise SimulationMismatch(
            source, f"real data is configured, but the response is simulated ({label[:60]})"
        )
