"""Keeps simulated and real data apart: what answers must be of the kind that was configured."""

from collections.abc import Mapping

from rates.errors import SimulationMismatch
from rates.source import Source

# Every HTTP response and WebSocket handshake of the simulator carries it; no real source does.
SIMULATED_HEADER = "X-Ratewire-Simulated"


def check_simulation(source: Source, headers: Mapping[str, str], *, simulated: bool) -> None:
    """Compare what answered with what was configured.

    Raises:
        SimulationMismatch: one is simulated and the other is not.
    """
    label = headers.get(SIMULATED_HEADER)
    if simulated and label is None:
        raise SimulationMismatch(
            source, "simulated data is configured, but the answer is not labelled as such"
        )
    if not simulated and label is not None:
        raise SimulationMismatch(
            source, f"real data is configured, but the answer is simulated ({label[:60]})"
        )
