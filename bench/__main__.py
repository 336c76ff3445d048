"""`python -m bench`: measures, shows progress, prints the table; with `--write` also docs/performance.md and its plots."""

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

from bench.figures import Figures
from bench.load import Load
from bench.machine import Cores, UnfitMachine, choose_cores, describe
from bench.page import write_page
from bench.plan import FULL, QUICK, Plan
from bench.processes import BenchFailed, redis_version
from bench.scenarios.register import CURVES, SCENARIOS
from bench.scenarios.scenario import Bench
from bench.stage import staged
from bench.table import KEY, format_table
from bench.verdicts import format_verdicts


def parse_arguments() -> argparse.Namespace:
    """What the user wants."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small and short, in some minutes; not for comparing"
    )
    parser.add_argument(
        "--rounds", type=int, help="rounds in which the servers take turns (default 3; quick 1)"
    )
    parser.add_argument(
        "--only", action="append", choices=SCENARIOS, help="just this scenario; may be repeated"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there as well")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and its plots")
    return parser.parse_args()


def main() -> int:
    """Run; the exit code."""
    arguments = parse_arguments()
    plan = QUICK if arguments.quick else FULL
    if arguments.rounds:
        plan = replace(plan, rounds=max(1, arguments.rounds))
    # A stop request unwinds like an exception, so that every process that was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    figures, code = Figures(), 0
    try:
        about = describe(redis_version())
        cores = choose_cores()
        plan = _fit_files(plan)
        os.sched_setaffinity(0, {cores.load})
        run(plan, cores, arguments.only or list(SCENARIOS), figures)
    except (UnfitMachine, BenchFailed) as exc:
        sys.stderr.write(f"\nbench: {exc}\n")
        code = 1
    except KeyboardInterrupt:
        code = 130
    if not figures.rows and not figures.curves:
        return code
    _print([*about, "", *format_table(figures), "", KEY, "", *format_verdicts(figures)])
    if arguments.json:
        content = {"about": about, "rounds": plan.rounds, **figures.as_json()}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")
    # A run that was cut short is shown, and not published.
    if arguments.write and not code:
        write_page(figures, about, plan)
    return code


def run(plan: Plan, cores: Cores, names: Sequence[str], figures: Figures) -> None:
    """All rounds of the scenarios with these names; the curves are drawn from the first."""
    sizes = {SCENARIOS[name][2] or plan.ingest_symbols for name in names}
    with ExitStack() as stack:
        stages = {size: stack.enter_context(staged(cores, size)) for size in sorted(sizes)}
        loads = {size: Load(stage) for size, stage in stages.items()}
        for number in range(plan.rounds):
            for name in (each for each in names if not number or each not in CURVES):
                size = SCENARIOS[name][2] or plan.ingest_symbols
                _run_scenario(name, Bench(stages[size], loads[size], plan, figures), number)


def _run_scenario(name: str, bench: Bench, number: int) -> None:
    measure, servers, _ = SCENARIOS[name]
    for server in servers:
        _show(f"round {number + 1} of {bench.plan.rounds}: {name}, {server} … ")
        start = time.monotonic()
        measure(bench, server)
        _show(f"{time.monotonic() - start:.0f} s\n")


def _fit_files(plan: Plan) -> Plan:
    """Each connection is an open file on both sides: take what the system allows, and measure no more than that."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    room = hard - 200
    if hard != resource.RLIM_INFINITY and room < plan.idle_subscribers:
        _show(
            f"only {hard} open files are allowed: {room} idle subscribers instead of {plan.idle_subscribers}\n"
        )
        plan = replace(plan, idle_subscribers=room)
    return plan


def _show(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _print(lines: Iterable[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
