"""The rounds of a run: in each, every scenario measures its servers in turn."""

import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from threading import Barrier

from bench.checkout import Checkout
from bench.environment import Server, prepared_environment
from bench.load_generator import LoadGenerator
from bench.machine import Cores
from bench.plan import BenchPlan
from bench.processes import BenchmarkError
from bench.results import Results
from bench.scenarios.registry import CURVES, Entry
from bench.scenarios.scenario import ScenarioContext

# Rounds for which the two servers of a comparison run.
ROUNDS_PER_START = 2


def run_rounds(
    scenarios: Mapping[str, Entry],
    plan: BenchPlan,
    cores: Cores,
    results: Results,
    other: Checkout | None = None,
    *,
    keys: int = 0,
) -> None:
    """Run all rounds; the plots use the first round only.

    With `other` or `keys` two servers are compared, each with a Redis and a load generator of its own. In the first round they are
    measured in turn, for the memory of a server that is alone. From the second round on they share the core: both are measured
    at the same time, so that whatever changes the speed of the machine changes that of both. They are started anew every
    `ROUNDS_PER_START` rounds, because two processes of the same code differ by chance, in the layout of their memory above all.

    Raises:
        BenchmarkError: a measurement failed (of a comparison: twice in a row).
    """
    is_comparison = other is not None or keys > 0
    with ExitStack() as stack:
        contexts: dict[tuple[int, Server], ScenarioContext] = {}
        for size in sorted({_size(entry, plan) for entry in scenarios.values()}):
            servers = {server for entry in scenarios.values() for server in entry.servers}
            for shared in [[each] for each in sorted(servers)] if is_comparison else [sorted(servers)]:
                environment = stack.enter_context(prepared_environment(cores, size, other, keys=keys))
                context = ScenarioContext(environment, LoadGenerator(environment), plan, results)
                contexts.update({(size, server): context for server in shared})
        kept = stack.enter_context(ExitStack())
        for number in range(plan.rounds):
            if is_comparison and number % ROUNDS_PER_START == 1:
                kept.close()
                for context in contexts.values():
                    context.environment.keep_servers(kept)
            for name, entry in scenarios.items():
                if number and name in CURVES:
                    continue
                together = is_comparison and number > 0
                groups = [entry.servers] if together else [(each,) for each in entry.servers]
                for group in groups:
                    show(f"round {number + 1} of {plan.rounds}: {name}, {' and '.join(group)} … ")
                    start = time.monotonic()
                    of_size = {server: contexts[_size(entry, plan), server] for server in group}
                    results.merge(_measure_together(of_size, entry, attempts=2 if is_comparison else 1))
                    show(f"{time.monotonic() - start:.0f} s\n")


def _size(entry: Entry, plan: BenchPlan) -> int:
    return entry.symbols or plan.ingest_symbols


def _measure_together(contexts: Mapping[Server, ScenarioContext], entry: Entry, *, attempts: int) -> Results:
    """Measure servers at the same time, and return the figures of all.

    A long comparison survives one failure, which is shown: all are then measured again, because their figures are pairs.
    """
    barrier = Barrier(len(contexts)) if len(contexts) > 1 else None
    results = Results()

    def measure(server: Server) -> None:
        context = replace(contexts[server], results=results)
        context.load.barrier = barrier
        try:
            entry.measure(context, server)
        except BaseException:
            # Whatever it is, the others must not wait for this one.
            if barrier is not None:
                barrier.abort()
            raise

    try:
        with ThreadPoolExecutor(len(contexts)) as threads:
            list(threads.map(measure, contexts))
    except BenchmarkError as exc:
        if attempts == 1:
            raise
        show(f"failed, and is repeated: {exc}\n… ")
        return _measure_together(contexts, entry, attempts=attempts - 1)
    return results


def show(text: str) -> None:
    """Write progress to standard error."""
    sys.stderr.write(text)
    sys.stderr.flush()
