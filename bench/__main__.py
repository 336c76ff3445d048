"""`python -m bench`: run the benchmarks and print the results as tables."""

import argparse
import json
import os
import resource
import signal
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from bench.checkout import Checkout, checked_out, describe_this_tree
from bench.comparison import COMMITS, COMPARED, KEYS, WITH_KEYS, Comparison, format_comparison, missed_rows
from bench.environment import Server
from bench.keys import KEYS as KEY_COUNT
from bench.machine import UnsupportedMachine, choose_cores, describe
from bench.node_peers import install_peers
from bench.plan import COMPARISON, FULL, QUICK, QUICK_COMPARISON, BenchPlan
from bench.processes import BenchmarkError, redis_version
from bench.report import write_report
from bench.results import Results
from bench.rounds import run_rounds, show
from bench.scenarios.registry import SCENARIOS, Entry, with_node_peers
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
    parser.add_argument(
        "--against", metavar="COMMIT", help="build that commit, and measure it and this source tree in turn"
    )
    parser.add_argument(
        "--keys",
        action="store_true",
        help="measure clients with keys and budgets, and clients without either, in turn",
    )
    parser.add_argument(
        "--rounds", type=int, help="interleaved rounds (default 3, quick 1; of comparisons 27, quick 2)"
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        help=f"run only this scenario; may be repeated. One of {', '.join(SCENARIOS)}; with --against and --keys: {', '.join(COMPARED)}",
    )
    parser.add_argument(
        "--peers",
        action="store_true",
        help="also measure Mercurius with JIT, which needs Node; npm installs it once",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure to this file")
    parser.add_argument("--write", action="store_true", help="update docs/performance.md and its plots")
    arguments = parser.parse_args()
    compares = arguments.against or arguments.keys
    known = COMPARED if compares else SCENARIOS
    for name in arguments.only or ():
        if name not in known:
            parser.error(f"argument --only: expected one of {', '.join(known)}; saw {name!r}")
    if arguments.against and arguments.keys:
        parser.error("argument --keys: not together with --against")
    if compares and arguments.peers:
        parser.error("argument --peers: a comparison has no other servers")
    if compares and arguments.write:
        parser.error("argument --write: docs/performance.md has no comparisons")
    return arguments


def main() -> int:
    """Run the benchmarks and return the exit code.

    1 if something failed or a comparison missed its minimum.
    """
    arguments = parse_arguments()
    plan, scenarios = _choose(arguments)
    comparison = _choose_comparison(arguments)
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _stop)
    results, about, code = Results(), list[str](), 0
    try:
        about += describe(redis_version())
        _run(scenarios, plan, results, about, against=arguments.against, with_keys=arguments.keys)
    except (UnsupportedMachine, BenchmarkError) as exc:
        sys.stderr.write(f"\nbench: {exc}\n")
        code = 1
    except KeyboardInterrupt:
        code = 130
    if not results.rows and not results.curves:
        return code
    if comparison:
        _print([*about, "", *format_comparison(results, comparison)])
        # The rounds of a smoke test are too short and too few to judge by.
        code = code or (1 if missed_rows(results, comparison) and not arguments.quick else 0)
    else:
        _print([*about, "", *format_table(results), "", KEY, "", *format_targets(results)])
    if arguments.json:
        content = {"about": about, "rounds": plan.rounds, **results.as_json()}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")
    # An interrupted run is printed but not published.
    if arguments.write and not code:
        write_report(results, about, plan)
    return code


def _choose(arguments: argparse.Namespace) -> tuple[BenchPlan, dict[str, Entry]]:
    """Return what the command line asks for."""
    if arguments.against or arguments.keys:
        plan = QUICK_COMPARISON if arguments.quick else COMPARISON
        known = WITH_KEYS if arguments.keys else COMPARED
    else:
        plan, known = QUICK if arguments.quick else FULL, SCENARIOS
    if arguments.rounds:
        plan = replace(plan, rounds=max(1, arguments.rounds))
    chosen = {name: known[name] for name in arguments.only or known}
    return plan, with_node_peers(chosen) if arguments.peers else chosen


def _choose_comparison(arguments: argparse.Namespace) -> Comparison | None:
    if arguments.keys:
        return KEYS
    return COMMITS if arguments.against else None


def _run(
    scenarios: Mapping[str, Entry],
    plan: BenchPlan,
    results: Results,
    about: list[str],
    *,
    against: str | None,
    with_keys: bool,
) -> None:
    """Run the scenarios, against another commit if given; describe both in `about`."""
    cores = choose_cores()
    plan = _raise_file_limit(plan)
    if any(Server.MERCURIUS in entry.servers for entry in scenarios.values()):
        install_peers()
    with ExitStack() as stack:
        other: Checkout | None = None
        if against:
            show(f"building {against} (a minute or two) …\n")
            other = stack.enter_context(checked_out(against))
            about += [f"this: {describe_this_tree()}", f"other: {other.title}"]
        if against or with_keys:
            about.append(f"rounds: {plan.rounds}, {plan.seconds:g} s a figure")
        os.sched_setaffinity(0, {cores.load})
        run_rounds(scenarios, plan, cores, results, other, keys=KEY_COUNT if with_keys else 0)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    """Unwind the context managers, which stop every process; ignore further signals meanwhile."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _raise_file_limit(plan: BenchPlan) -> BenchPlan:
    """Raise the limit of open files, and reduce the idle subscribers to what it allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    room = hard - 200
    if hard != resource.RLIM_INFINITY and room < plan.idle_subscribers:
        show(f"the limit is {hard} open files: {room} idle subscribers instead of {plan.idle_subscribers}\n")
        plan = replace(plan, idle_subscribers=room)
    return plan


def _print(lines: Iterable[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
