"""The benchmarks as a whole, tiny: they run, measure what they say, and leave no process behind. Speeds are not judged."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from bench.figures import Figures
from bench.load import Load
from bench.machine import choose_cores
from bench.plan import QUICK
from bench.processes import BenchFailed, python
from bench.questions import make_lists, make_queries, make_subscription
from bench.scenarios.queries import check
from bench.scenarios.register import PEERS, SCENARIOS
from bench.scenarios.scenario import Bench
from bench.stage import Server, Stage, ask, items, staged

ROOT = Path(__file__).resolve().parents[2]
TINY = replace(
    QUICK,
    seconds=0.4,
    subscribers=5,
    idle_subscribers=7,
    idle_seconds=1,
    storm_seconds=2,
    curve_subscribers=(1, 3),
    curve_symbols=(1, 20),
    curve_clients=(1, 3),
)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged(choose_cores(), 60) as stage:
        yield stage


@pytest.fixture(scope="module")
def load(stage: Stage) -> Load:
    return Load(stage)


def children() -> set[str]:
    """The processes that this one has started and that are still there."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.mark.parametrize("server", PEERS)
def test_both_servers_answer_the_same_question_alike(stage: Stage, server: Server) -> None:
    """The yardstick has the same rates and fields as the product, or comparing them means nothing."""
    with stage.serving(server) as started:
        for count in (1, 50):
            query = make_queries(stage.symbols, count, server)[0]
            check(started, query, count)
            rate = items(ask(started.port, query))[0]
            assert set(rate) == {"symbol", "source", "price", "bid", "ask", "observedAt", "ageMs"}
            assert rate["bid"] == "64999.99000000"


@pytest.mark.parametrize("server", Server)
def test_every_subscriber_is_delivered_to(stage: Stage, load: Load, server: Server) -> None:
    """Publications go on for as long as the last one has reached everybody, and say how long they were on their way."""
    messages = [make_subscription(each, server) for each in make_lists(stage.symbols, 5)]
    with (
        stage.writing(groups=10, interval_ms=0) as writer,
        stage.serving(server) as started,
    ):
        seen = load.subscribe(started, messages, writer, count=5, seconds=0.4, window=2)
    assert seen.per_s >= 5
    assert seen.items_per_s >= seen.per_s
    assert 0 < seen.p50_ms <= seen.p99_ms < 10_000


def test_the_limit_is_measured_with_the_bytes_that_it_was_given(stage: Stage, load: Load) -> None:
    """The constant answer is what the file holds."""
    (stage.folder / "body.json").write_bytes(b"x" * 100_000)
    command = python("bench.bare_http", "{port}", str(stage.folder / "body.json"))
    with stage.serving(Server.BARE, command) as started:
        seen = load.query(started, ["{}"], seconds=0.3, connections=3, path="/0")
    assert seen.per_s > 0
    assert 0 < seen.p50_ms <= seen.p99_ms


def test_an_answer_other_than_200_ends_the_measurement(stage: Stage, load: Load) -> None:
    """Refusals are fast, and would make a splendid figure."""
    with stage.serving(Server.PLAIN) as started, pytest.raises(BenchFailed, match=r"expected HTTP/1\.1 200"):
        load.query(started, ["{}"], seconds=0.3, connections=1, path="/elsewhere")


def test_a_refused_subscription_ends_the_measurement(stage: Stage, load: Load) -> None:
    """A mistake in the question is told, not counted as silence."""
    message = make_subscription(stage.symbols[:1], Server.RATEWIRE).replace("ageMs", "agMs")
    with (
        stage.writing(groups=1, interval_ms=0) as writer,
        stage.serving(Server.RATEWIRE) as started,
        pytest.raises(BenchFailed, match="agMs"),
    ):
        load.subscribe(started, [message], writer, count=1, seconds=0.3, window=1)


@pytest.mark.parametrize("name", ["queries", "idle", "subscribers", "clients", "storm"])
def test_a_scenario_gives_figures_and_leaves_no_process(name: str) -> None:
    """Every row has a number, and everything that was started has ended."""
    measure, _, size = SCENARIOS[name]
    before, figures = children(), Figures()
    with ExitStack() as stack:
        stage = stack.enter_context(staged(choose_cores(), size))
        measure(Bench(stage, Load(stage), TINY, figures), Server.RATEWIRE)
    assert figures.rows or figures.curves
    assert all(not math.isnan(figures.value(row, Server.RATEWIRE) or 0) for row in figures.rows)
    assert children() <= before


def test_without_a_redis_it_says_what_to_install() -> None:
    """One line, no stack trace."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick"],
        cwd=ROOT,
        env={**os.environ, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "redis-server is not installed" in done.stderr
    assert "Traceback" not in done.stderr
