"""`python -m bench`: run the benchmarks and print the results as tables."""

import argparse
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.environment import prepared_environment
from bench.load_generator import LoadGenerator
from bench.machine import Cores, UnsupportedMachine, choose_cores, describe
from bench.plan import FULL, QUICK, Plan
from bench.processes import BenchmarkError, redis_version
from bench.report import write_report
from bench.results import Results
from bench.scenarios.registry import CURVES, SCENARIOS
from bench.scenarios.scenario import ScenarioContext
from bench.table import KEY, format_table
from bench.targets import format_targets


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small and short, to see that everything works; not for comparing",
    )
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default 3; quick 1)")
    parser.add_argument(
        "--only", action="append", choices=SCENARIOS, help="run only this scenario; may be repeated"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure to this file")
    parser.add_argument("--write", action="store_true", help="update docs/performance.md and its plots")
    return parser.parse_args()


def main() -> int:
    """Run the benchmarks and return the exit code."""
    arguments = parse_arguments()
    plan = QUICK if arguments.quick else FULL
    if arguments.rounds:
        plan = replace(plan, rounds=max(1, arguments.rounds))
    # SIGTERM raises, so that the context managers stop every process that was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results, code = Results(), 0
    try:
        about = describe(redis_version())
        cores = choose_cores()
        plan = _raise_file_limit(plan)
        os.sched_setaffinity(0, {cores.load})
        run(plan, cores, arguments.only or list(SCENARIOS), results)
    except (UnsupportedMachine, BenchmarkError) as exc:
        sys.stderr.write(f"\nbench: {exc}\n")
        code = 1
    except KeyboardInterrupt:
        code = 130
    if not results.rows and not results.curves:
        return code
    _print([*about, "", *format_table(results), "", KEY, "", *format_targets(results)])
    if arguments.json:
        content = {"about": about, "rounds": plan.rounds, **results.as_json()}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")
    # An interrupted run is printed but not published.
    if arguments.write and not code:
        write_report(results, about, plan)
    return code


def run(plan: Plan, cores: Cores, names: Sequence[str], results: Results) -> None:
    """Run all rounds of the named scenarios; the plots use the first round only."""
    sizes = {SCENARIOS[name][2] or plan.ingest_symbols for name in names}
    with ExitStack() as stack:
        environments = {
            size: stack.enter_context(prepared_environment(cores, size)) for size in sorted(sizes)
        }
        loads = {size: LoadGenerator(environment) for size, environment in environments.items()}
        for number in range(plan.rounds):
            for name in (each for each in names if not number or each not in CURVES):
                size = SCENARIOS[name][2] or plan.ingest_symbols
                _run_scenario(name, ScenarioContext(environments[size], loads[size], plan, results), number)


def _run_scenario(name: str, context: ScenarioContext, number: int) -> None:
    measure, servers, _ = SCENARIOS[name]
    for server in servers:
        _show(f"round {number + 1} of {context.plan.rounds}: {name}, {server} … ")
        start = time.monotonic()
        measure(context, server)
        _show(f"{time.monotonic() - start:.0f} s\n")


def _raise_file_limit(plan: Plan) -> Plan:
    """Raise the limit of open files, and reduce the idle subscribers to what it allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    room = hard - 200
    if hard != resource.RLIM_INFINITY and room < plan.idle_subscribers:
        _show(f"the limit is {hard} open files: {room} idle subscribers instead of {plan.idle_subscribers}\n")
        plan = replace(plan, idle_subscribers=room)
    return plan


def _show(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _print(lines: Iterable[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
