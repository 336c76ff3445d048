"""Answers over HTTP while 500 rates move once a second; the bare limit answers with as many bytes."""

from bench.figures import Row
from bench.load import Answers
from bench.processes import BenchFailed, python
from bench.questions import LIST_LENGTH, VARIETY, make_queries
from bench.scenarios.scenario import Bench
from bench.stage import Server, Started, ask, items

CONNECTIONS = 32
UPDATE_INTERVAL_MS = 100.0
COUNTS = (1, 50, 500)
# What all of them ask in the plot of cost against clients.
CLIENTS_ASK = 50
TARGETS = {1: "20,000/s", 50: "12,000/s", 500: "5,000/s"}
DEMANDS = {
    1: ((Server.PLAIN, 90), (Server.BARE, 0.55)),
    50: ((Server.PLAIN, 90),),
    500: ((Server.PLAIN, 180),),
}


def measure_queries(bench: Bench, server: Server) -> None:
    """Answers a second."""
    for count in COUNTS:
        name = f"query, {count} rate{'s' * (count > 1)}"
        row = Row(name, "answers/s", target=f"≥ {TARGETS[count]}", demands=DEMANDS[count])
        seen = _query(bench, server, count, bench.plan.seconds)
        bench.figures.add(row, server, seen.per_s, seen.shares)


def measure_symbols(bench: Bench, server: Server) -> None:
    """The plot of cost against symbols: processor time per answer."""
    for count in bench.plan.curve_symbols:
        seen = _query(bench, server, count, bench.plan.curve_seconds)
        bench.figures.add_point("symbols", server, count, _cost_us(seen))


def measure_clients(bench: Bench, server: Server) -> None:
    """The plot of cost against clients that ask the same: processor time per answer."""
    for count in bench.plan.curve_clients:
        seen = _query(bench, server, CLIENTS_ASK, bench.plan.curve_seconds, connections=count, questions=1)
        bench.figures.add_point("clients", server, count, _cost_us(seen))


def check(started: Started, query: str, count: int) -> None:
    """The server answers what it was asked, before its speed means anything.

    Raises:
        BenchFailed: it does not.
    """
    seen = items(ask(started.port, query))
    if len(seen) != count or any(each is None or each["price"] is None for each in seen):
        raise BenchFailed(f"{started.server}: expected {count} rates with prices, saw {len(seen)}")


def _cost_us(seen: Answers) -> float:
    return seen.shares.server / seen.per_s * 1e6


def _query(
    bench: Bench,
    server: Server,
    count: int,
    seconds: float,
    *,
    connections: int = CONNECTIONS,
    questions: int = VARIETY,
) -> Answers:
    stage = bench.stage
    queries = make_queries(stage.symbols, count, server)[:questions]
    # What Ratewire has answered, for the bare limit.
    body = stage.folder / f"answer-{count}.json"
    command, path = None, "/graphql"
    if server is Server.BARE:
        command, path = python("bench.bare_http", "{port}", str(body)), "/0"
    with (
        stage.writing(groups=LIST_LENGTH, interval_ms=UPDATE_INTERVAL_MS) as writer,
        stage.serving(server, command) as started,
    ):
        if server is not Server.BARE:
            check(started, queries[0], count)
        if server is Server.RATEWIRE:
            body.write_bytes(ask(started.port, queries[0]))
        writer.tell("1")
        return bench.load.query(started, queries, seconds=seconds, connections=connections, path=path)
