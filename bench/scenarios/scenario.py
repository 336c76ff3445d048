"""A scenario: it starts a server, measures it, and stops it."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.environment import Environment, Server
from bench.load_generator import LoadGenerator
from bench.plan import BenchPlan
from bench.results import Results, Targets


@dataclass(frozen=True)
class ScenarioContext:
    """Environment, load generator, plan and results of a scenario."""

    environment: Environment
    load: LoadGenerator
    plan: BenchPlan
    results: Results


Scenario = Callable[[ScenarioContext, Server], None]


def absolute_target(bound: float) -> Targets:
    """Return a target for Ratewire's own figure."""
    return ((Server.RATEWIRE, bound),)
