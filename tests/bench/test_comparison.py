"""Comparison with another commit.

Its checkout, the order of the rounds, the ratios and the clean-up.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest

from bench.checkout import Checkout, checked_out
from bench.comparison import COMPARED, KEYS, PAIR, WITH_KEYS, format_comparison, missed_rows
from bench.environment import Server
from bench.machine import choose_cores
from bench.plan import QUICK_COMPARISON
from bench.processes import ROOT, BenchmarkError
from bench.results import CpuShares, Results, Row
from bench.rounds import run_rounds
from bench.scenarios.registry import Entry
from bench.scenarios.scenario import ScenarioContext
from tests.lengths import only_long

pytestmark = pytest.mark.servers

TINY = replace(QUICK_COMPARISON, seconds=0.3, subscribers=5)
THIS_TREE = Checkout("this tree", ROOT, sys.executable)
SPEED = Row("query", "answers/s", is_throughput=True)
COST = Row("ingest", "µs/ticker", more_is_better=False, is_throughput=True)
MEMORY = Row("memory", "KB", more_is_better=False)
STOP_TIMEOUT_S = 60


def use_this_interpreter(_folder: Path, _log: Path) -> str:
    """Install nothing: the interpreter of the tests has the dependencies of HEAD."""
    return sys.executable


def fail_to_install(_folder: Path, _log: Path) -> str:
    raise BenchmarkError("no package index")


def worktrees() -> str:
    return subprocess.run(
        ["git", "-C", str(ROOT), "worktree", "list"], capture_output=True, text=True, check=True, timeout=60
    ).stdout


def run_fake(measure: Callable[[ScenarioContext, Server], None], other: Checkout | None) -> Results:
    """Run two rounds of one scenario."""
    results = Results()
    run_rounds({"fake": Entry(measure, PAIR, 5)}, TINY, choose_cores(), results, other)
    return results


def test_from_the_second_round_on_both_are_measured_at_the_same_time() -> None:
    """Then whatever changes the speed of the machine changes that of both."""
    running, at_once = set[Server](), list[set[Server]]()

    def measure(context: ScenarioContext, server: Server) -> None:
        running.add(server)
        if context.load.barrier is not None:
            context.load.barrier.wait(STOP_TIMEOUT_S)
        at_once.append(set(running))
        if context.load.barrier is not None:
            context.load.barrier.wait(STOP_TIMEOUT_S)
        running.discard(server)

    run_fake(measure, THIS_TREE)
    both = {Server.RATEWIRE, Server.OTHER}
    assert at_once == [{Server.RATEWIRE}, {Server.OTHER}, both, both]


def test_each_of_both_commits_has_a_redis_of_its_own() -> None:
    """The load of the one is none of the other's."""
    environments = dict[Server, set[int]]()
    run_fake(
        lambda context, server: environments.setdefault(server, set()).add(id(context.environment)), THIS_TREE
    )
    assert environments[Server.RATEWIRE].isdisjoint(environments[Server.OTHER])


def test_a_server_does_not_wait_for_one_whose_measurement_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any error counts: a refused connection is no `BenchmarkError`."""
    aborted: list[bool] = []

    class WatchedBarrier(Barrier):
        def abort(self) -> None:
            aborted.append(True)
            super().abort()

    def fail_beside_others(context: ScenarioContext, _: Server) -> None:
        if context.load.barrier is not None:
            raise ConnectionRefusedError

    monkeypatch.setattr("bench.rounds.Barrier", WatchedBarrier)
    with pytest.raises(ConnectionRefusedError):
        run_fake(fail_beside_others, THIS_TREE)
    assert aborted


@pytest.mark.parametrize("number", [1, *only_long(3)])
def test_a_comparison_survives_a_measurement_that_fails_once(number: int) -> None:
    """It is repeated for both, and each server still has one figure per round."""
    attempts = count(1)

    def fail_once(context: ScenarioContext, server: Server) -> None:
        if next(attempts) == number:
            raise BenchmarkError("did not start")
        context.results.add(SPEED, server, 1.0)

    results = run_fake(fail_once, THIS_TREE)
    assert next(attempts) > 5
    assert results.ratios(SPEED, Server.OTHER) == [1.0, 1.0]


@pytest.mark.parametrize(("other", "expected"), [(THIS_TREE, 2), (None, 1)])
def test_a_measurement_that_keeps_failing_ends_the_run(other: Checkout | None, expected: int) -> None:
    """A comparison tries twice, any other run once."""
    attempts: list[Server] = []

    def fail(_: ScenarioContext, server: Server) -> None:
        attempts.append(server)
        raise BenchmarkError("did not start")

    with pytest.raises(BenchmarkError, match="did not start"):
        run_fake(fail, other)
    assert len(attempts) == expected


def test_throughput_rows_below_the_minimum_ratio_are_missed() -> None:
    """The median over the rounds counts, inverted where less is better.

    Other rows are not checked.
    """
    results = Results()
    for ratio in (0.5, 0.96, 2.0):
        results.add(SPEED, Server.RATEWIRE, 100 * ratio, CpuShares(0.5, 0.0, 0.1))
        results.add(SPEED, Server.OTHER, 100, CpuShares(1.0, 0.0, 0.1))
    for row in (COST, MEMORY):
        results.add(row, Server.RATEWIRE, 20)
        results.add(row, Server.OTHER, 10)
    assert missed_rows(results) == ["ingest"]
    speed, cost, memory = format_comparison(results)[2:5]
    assert "0.960" in speed
    assert "≥ 0.95: met" in speed
    assert "1.92" in speed  # per CPU second: half of the CPU
    assert "**missed**" in cost
    assert "0.95" not in memory


def test_with_keys_the_work_for_each_cpu_second_counts() -> None:
    """Other load on the machine does not make a row miss."""
    results = Results()
    for value, cpu, expected in ((50, 0.5, []), (100, 1.2, ["query"])):
        results.rows.clear()
        results.add(SPEED, Server.RATEWIRE, value, CpuShares(cpu, 0.0, 0.1))
        results.add(SPEED, Server.OPEN, 100, CpuShares(1.0, 0.0, 0.1))
        assert missed_rows(results, KEYS) == expected


@pytest.mark.long
def test_clients_with_keys_are_compared_with_clients_without() -> None:
    """Every connection of the one side sends a key; a gateway that wants none serves the other."""
    plan, results, names = replace(TINY, rounds=1), Results(), ("query-1", "same")
    run_rounds({name: WITH_KEYS[name] for name in names}, plan, choose_cores(), results, keys=2)
    rows = [row for row in results.rows if row.is_throughput]
    assert [row.unit for row in rows] == ["answers/s", "deliveries/s", "connections/s"]
    assert all(len(results.ratios(row, Server.OPEN)) == plan.rounds for row in rows)


def test_a_run_with_other_load_says_so() -> None:
    """Its core is neither the one server's nor the other's."""
    results = Results()
    for share, waiting, expected in ((0.48, 0.5, False), (0.3, 0.7, True)):
        results.rows.clear()
        for server in PAIR:
            results.add(SPEED, server, 1.0, CpuShares(share, waiting, 0.1))
        assert any("repeat on a quiet machine" in line for line in format_comparison(results)) is expected


def test_a_checkout_is_removed_at_the_end() -> None:
    """Neither the folder nor the worktree is left."""
    with checked_out("HEAD", use_this_interpreter) as other:
        assert (other.folder / "gateway").is_dir()
        assert str(other.folder) in worktrees()
    assert not other.folder.exists()
    assert str(other.folder) not in worktrees()


def test_a_checkout_whose_installation_fails_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is reported as it was."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(BenchmarkError, match="no package index"), checked_out("HEAD", fail_to_install):
        pytest.fail("expected no checkout")
    assert not list(tmp_path.iterdir())
    assert str(tmp_path) not in worktrees()


def test_an_unknown_commit_is_reported() -> None:
    """Git's error names it."""
    with pytest.raises(BenchmarkError, match="no-such-commit"), checked_out("no-such-commit"):
        pytest.fail("expected no checkout")


@pytest.mark.long
def test_head_is_compared_with_head() -> None:
    """Both sides serve queries and subscriptions, and every throughput row has a ratio."""
    plan, results, names = replace(TINY, rounds=1), Results(), ("query-1", "same")
    with checked_out("HEAD", use_this_interpreter) as other:
        run_rounds({name: COMPARED[name] for name in names}, plan, choose_cores(), results, other)
    rows = [row for row in results.rows if row.is_throughput]
    assert [row.unit for row in rows] == ["answers/s", "deliveries/s", "connections/s"]
    assert all(len(results.ratios(row, Server.OTHER)) == plan.rounds for row in rows)


def test_an_interrupted_comparison_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C while the other commit is being built removes its worktree and folder."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench", "--against", "HEAD", "--quick"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while not list(tmp_path.glob("*/source/.venv")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=STOP_TIMEOUT_S)
    assert process.returncode == 130, errors
    assert not list(tmp_path.iterdir())
    assert str(tmp_path) not in worktrees()
