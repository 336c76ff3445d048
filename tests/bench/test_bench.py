"""The benchmarks with tiny plans. Speed is not asserted."""

import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bench.environment import (
    Environment,
    RunningServer,
    Server,
    parse_rates,
    post_query,
    prepared_environment,
)
from bench.fairness import Mode, describe_all, measure
from bench.keys import GREEDY, create_keys
from bench.load_generator import LoadGenerator
from bench.machine import choose_cores
from bench.node_peers import install_peers
from bench.plan import QUICK
from bench.processes import BenchmarkError, python, running
from bench.queries import make_lists, make_queries, make_subscription
from bench.results import Results
from bench.scenarios.queries import check
from bench.scenarios.registry import PEERS, SCENARIOS, SOCKETS, with_node_peers
from bench.scenarios.scenario import ScenarioContext
from tests.lengths import only_long

pytestmark = [pytest.mark.servers, pytest.mark.alone]

ROOT = Path(__file__).resolve().parents[2]
TINY = replace(
    QUICK,
    seconds=1,
    subscribers=5,
    chart_subscribers=5,
    idle_subscribers=7,
    idle_seconds=1,
    storm_seconds=2,
    resumes_per_s=20,
    curve_subscribers=(1, 3),
    curve_symbols=(1, 20),
    curve_clients=(1, 3),
)


@pytest.fixture(scope="module")
def environment() -> Iterator[Environment]:
    with prepared_environment(choose_cores(), 60) as environment:
        yield environment


@pytest.fixture(scope="module")
def load(environment: Environment) -> LoadGenerator:
    return LoadGenerator(environment)


def children() -> set[str]:
    """Return the running child processes of this process."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.mark.parametrize("server", PEERS)
def test_both_servers_return_the_same_fields(environment: Environment, server: Server) -> None:
    """The reference server returns the same rates and fields as the product."""
    with environment.serving(server) as started:
        for count in (1, 50):
            query = make_queries(environment.symbols, count, environment.dialect(server))[0]
            check(started, query, count)
            rate = parse_rates(post_query(started, query))[0]
            assert set(rate) == {"symbol", "source", "price", "bid", "ask", "observedAt", "ageMs"}
            assert rate["bid"] == "64999.99000000"


@pytest.mark.parametrize("server", [SOCKETS[0], SOCKETS[2], *only_long(SOCKETS[1], SOCKETS[3])])
def test_every_subscriber_receives_deliveries(
    environment: Environment, load: LoadGenerator, server: Server
) -> None:
    """Publications continue after each has reached all subscribers, and carry their latency."""
    messages = [
        make_subscription(each, environment.dialect(server)) for each in make_lists(environment.symbols, 5)
    ]
    with (
        environment.writing(groups=10, interval_ms=0) as writer,
        environment.serving(server) as started,
    ):
        seen = load.subscribe(started, messages, writer, count=5, seconds=0.4, window=2)
    assert seen.per_s >= 5
    assert seen.items_per_s >= seen.per_s
    assert 0 < seen.p50_ms <= seen.p99_ms < 10_000


@pytest.mark.long
def test_mercurius_returns_the_same_fields_and_events(environment: Environment, load: LoadGenerator) -> None:
    """The same rates as the product, from the same Redis."""
    install_peers()
    with (
        environment.writing(groups=10, interval_ms=0) as writer,
        environment.serving(Server.MERCURIUS) as started,
    ):
        for count in (1, 50):
            query = make_queries(environment.symbols, count, environment.dialect(Server.MERCURIUS))[0]
            check(started, query, count)
            rate = parse_rates(post_query(started, query))[0]
            assert set(rate) == {"symbol", "source", "price", "bid", "ask", "observedAt", "ageMs"}
            assert rate["source"] == {"code": "BINANCE"}
        messages = [
            make_subscription(each, environment.dialect(Server.MERCURIUS))
            for each in make_lists(environment.symbols, 5)
        ]
        seen = load.subscribe(started, messages, writer, count=5, seconds=0.4, window=2)
    assert seen.per_s >= 5
    assert 0 < seen.p50_ms <= seen.p99_ms < 10_000


def test_peers_on_node_are_measured_on_demand() -> None:
    """Beside the other servers of a scenario, where they can do the same."""
    chosen = with_node_peers({name: SCENARIOS[name] for name in ("new", "ingest")})
    assert chosen["new"].servers == (*SCENARIOS["new"].servers, Server.MERCURIUS)
    assert chosen["ingest"].servers == SCENARIOS["ingest"].servers


def test_the_bare_limit_returns_the_given_bytes(environment: Environment, load: LoadGenerator) -> None:
    """The constant response has the content of the file."""
    (environment.folder / "body.json").write_bytes(b"x" * 100_000)
    command = python("bench.bare_http", "{port}", str(environment.folder / "body.json"))
    with environment.serving(Server.BARE, command) as started:
        seen = load.query(started, ["{}"], seconds=0.3, connections=3, path="/0")
    assert seen.per_s > 0
    assert 0 < seen.p50_ms <= seen.p99_ms


def test_requests_have_different_heads_on_demand(environment: Environment, load: LoadGenerator) -> None:
    """With agents, every request has a traceparent of its own and one of that many user agents."""
    heads: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            heads.append((self.headers["user-agent"], self.headers["traceparent"]))
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:  # pyrefly: ignore[bad-override]  # it takes all
            """Log nothing."""

    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server,
        running(["sleep", "60"], core=environment.cores.load, log=environment.folder / "sleep.log") as idle,
    ):
        Thread(target=server.serve_forever).start()
        started = RunningServer(Server.BARE, server.server_port, idle)
        load.query(started, ["{}", "[]"], seconds=0.3, connections=3, agents=4)
        server.shutdown()
    agents, traces = zip(*heads, strict=True)
    assert len(set(agents)) == 4
    assert len(set(traces)) == len(heads)
    assert all(re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", each) for each in traces)


def test_an_answer_other_than_200_ends_the_measurement(environment: Environment, load: LoadGenerator) -> None:
    """Error responses are fast and would inflate the figure."""
    with (
        environment.serving(Server.PLAIN) as started,
        pytest.raises(BenchmarkError, match=r"expected HTTP/1\.1 200"),
    ):
        load.query(started, ["{}"], seconds=0.3, connections=1, path="/elsewhere")


def test_a_rejected_subscription_ends_the_measurement(environment: Environment, load: LoadGenerator) -> None:
    """An error in the document is reported, not counted as silence."""
    message = make_subscription(environment.symbols[:1], environment.dialect(Server.RATEWIRE)).replace(
        "ageMs", "agMs"
    )
    with (
        environment.writing(groups=1, interval_ms=0) as writer,
        environment.serving(Server.RATEWIRE) as started,
        pytest.raises(BenchmarkError, match="agMs"),
    ):
        load.subscribe(started, [message], writer, count=1, seconds=0.3, window=1)


@pytest.mark.parametrize(
    "name",
    [
        "queries",
        "idle",
        *only_long(
            "charts", "subscribers", "clients", "storm", "resumes", "half", "burst", "nginx", "candles"
        ),
    ],
)
def test_a_scenario_gives_figures_and_leaves_no_process(name: str) -> None:
    """Every row has a number, and every started process has ended."""
    measure, _, size = SCENARIOS[name]
    before, results = children(), Results()
    with ExitStack() as stack:
        environment = stack.enter_context(prepared_environment(choose_cores(), size))
        measure(ScenarioContext(environment, LoadGenerator(environment), TINY, results), Server.RATEWIRE)
    assert results.rows or results.curves
    assert all(not math.isnan(results.value(row, Server.RATEWIRE) or 0) for row in results.rows)
    assert children() <= before


def test_the_missing_redis_package_is_named() -> None:
    """The error is one line without a traceback."""
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


@pytest.mark.parametrize("mode", [Mode.BOTH, *only_long(Mode.QUERIES, Mode.SOCKETS, Mode.NEW)])
def test_a_greedy_key_is_refused_while_another_one_is_measured(mode: Mode) -> None:
    """Both answer to their own budgets, and each request of the other one is answered."""
    with prepared_environment(choose_cores(), 60, keys=1) as environment:
        (greedy,) = create_keys(environment.database_url, 1, GREEDY)
        load = LoadGenerator(environment)
        found = measure(environment, load, greedy, modes=[mode], rounds=1, seconds=0.5)
    (compared,) = found
    (alone,), (beside,) = compared.alone, compared.beside
    for measured in (alone, beside):
        # Within the whole latency is what the gateway took; the two clocks differ by microseconds.
        assert all(
            0 < served < ms + 0.1
            for served, ms in zip(measured.served_ms, measured.latencies_ms, strict=True)
        )
    (seen,) = compared.seen
    assert (seen["refused"] > 0) == (seen["sent"] > 0) == (mode is not Mode.SOCKETS)
    assert (seen["begun"] > seen["started"]) == (mode in {Mode.SOCKETS, Mode.BOTH})
    # Something is within its budget. With both, its queries may have spent it before any subscription.
    assert seen["answered"] + seen["started"] > 0
    assert seen["started"] > 0 or mode is not Mode.SOCKETS
    assert f"| {mode} |" in "\n".join(describe_all(found))
