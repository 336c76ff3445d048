"""One gateway with several worker processes."""

import time

from bench.environment import Server
from bench.processes import python
from bench.queries import make_queries
from bench.results import CpuShares, Row
from bench.scenarios.queries import CONNECTIONS, check
from bench.scenarios.scenario import ScenarioContext

WORKERS, RATES = (1, 2), 50


def measure_workers(context: ScenarioContext, server: Server) -> None:
    """Measure answers/s with one and two workers on all cores, shared with the load generator."""
    environment, add = context.environment, context.results.add
    queries = make_queries(environment.symbols, RATES, environment.dialect(server))
    for workers in WORKERS:
        command = python("ratewire", "gateway", "--workers", str(workers))
        with environment.serving(server, command, on_all_cores=True) as started:
            check(started, queries[0], RATES)
            before, began = started.process.cpu_with_children_s(), time.monotonic()
            answers = context.load.query(
                started, queries, seconds=context.plan.seconds, connections=2 * CONNECTIONS
            )
            used, elapsed = started.process.cpu_with_children_s() - before, time.monotonic() - began
        name = f"query, {RATES} rates, {workers} worker{'s' * (workers > 1)} on {len(environment.cores.all)} cores"
        shares = CpuShares(used / elapsed, 0, answers.shares.load)
        add(Row(name, "answers/s"), server, answers.per_s, shares)
        # The warm-up has the same load.
        cost_us = used / elapsed / answers.per_s * 1e6
        add(Row(f"{name}: processor", "µs/answer", more_is_better=False), server, cost_us)
