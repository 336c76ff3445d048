"""The rounds of a run: in each, every scenario measures its servers in turn."""

import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack

from bench.checkout import Checkout
from bench.environment import Server, prepared_environment
from bench.load_generator import LoadGenerator
from bench.machine import Cores
from bench.plan import BenchPlan
from bench.processes import BenchmarkError
from bench.results import Results
from bench.scenarios.registry import CURVES, Entry
from bench.scenarios.scenario import ScenarioContext


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

    With `other` or `keys` two servers are compared: from the second round on both run all the time, but for ingest, and
    their order alternates between rounds.

    Raises:
        BenchmarkError: a measurement failed (of a comparison: twice in a row).
    """
    is_comparison = other is not None or keys > 0
    sizes = {entry.symbols or plan.ingest_symbols for entry in scenarios.values()}
    with ExitStack() as stack:
        contexts = {}
        for size in sorted(sizes):
            environment = stack.enter_context(prepared_environment(cores, size, other, keys=keys))
            contexts[size] = ScenarioContext(environment, LoadGenerator(environment), plan, results)
        for number in range(plan.rounds):
            if number == 1 and is_comparison:
                for size, context in contexts.items():
                    # Two servers cannot follow what is written flat out on one core.
                    if size != plan.ingest_symbols:
                        context.environment.keep_servers(stack)
            for name, entry in scenarios.items():
                if number and name in CURVES:
                    continue
                # What drifts during a round, such as the temperature, affects each server as often as the other.
                turns = entry.servers[::-1] if is_comparison and number % 2 else entry.servers
                for server in turns:
                    show(f"round {number + 1} of {plan.rounds}: {name}, {server} … ")
                    start = time.monotonic()
                    context = contexts[entry.symbols or plan.ingest_symbols]
                    _measure(entry, context, server, attempts=2 if is_comparison else 1)
                    show(f"{time.monotonic() - start:.0f} s\n")


def _measure(entry: Entry, context: ScenarioContext, server: Server, *, attempts: int) -> None:
    """Measure once; a long comparison survives one failure, which is shown.

    Scenarios add figures only at their end.
    """
    try:
        entry.measure(context, server)
    except BenchmarkError as exc:
        if attempts == 1:
            raise
        show(f"failed, and is repeated: {exc}\n… ")
        _measure(entry, context, server, attempts=attempts - 1)


def show(text: str) -> None:
    """Write progress to standard error."""
    sys.stderr.write(text)
    sys.stderr.flush()
