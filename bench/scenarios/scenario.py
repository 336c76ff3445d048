"""What a scenario works with. It starts a server, measures, and stops it."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.figures import Demands, Figures
from bench.load import Load
from bench.plan import Plan
from bench.stage import Server, Stage


@dataclass(frozen=True)
class Bench:
    """What a scenario works with."""

    stage: Stage
    load: Load
    plan: Plan
    figures: Figures


Scenario = Callable[[Bench, Server], None]


def own(bound: float) -> Demands:
    """What is demanded of Ratewire's own figure."""
    return ((Server.RATEWIRE, bound),)
