"""Several workers of one gateway."""

import time

from bench.figures import Row, Shares
from bench.processes import python
from bench.questions import make_queries
from bench.scenarios.queries import CONNECTIONS, check
from bench.scenarios.scenario import Bench
from bench.stage import Server

WORKERS, ASKED = (1, 2), 50


def measure_workers(bench: Bench, server: Server) -> None:
    """Answers with one worker and with two, on all cores of the machine: the load generator needs one of them."""
    stage, add = bench.stage, bench.figures.add
    queries = make_queries(stage.symbols, ASKED, server)
    for workers in WORKERS:
        command = python("ratewire", "gateway", "--workers", str(workers))
        with stage.serving(server, command, on_all_cores=True) as started:
            check(started, queries[0], ASKED)
            before, began = started.process.cpu_of_all_s(), time.monotonic()
            answers = bench.load.query(
                started, queries, seconds=bench.plan.seconds, connections=2 * CONNECTIONS
            )
            used, elapsed = started.process.cpu_of_all_s() - before, time.monotonic() - began
        name = f"query, {ASKED} rates, {workers} worker{'s' * (workers > 1)} on {len(stage.cores.all)} cores"
        shares = Shares(used / elapsed, 0, answers.shares.load)
        add(Row(name, "answers/s"), server, answers.per_s, shares)
        # The load generator's warming up is the same load.
        cost_us = used / elapsed / answers.per_s * 1e6
        add(Row(f"{name}: processor", "µs/answer", more_is_better=False), server, cost_us)
