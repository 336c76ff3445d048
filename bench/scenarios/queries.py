"""Queries over HTTP while 500 rates change every second; the bare limit sends equal bytes."""

from bench.environment import RunningServer, Server, parse_rates, post_query
from bench.measurements import QueryMeasurement
from bench.processes import BenchmarkError, python
from bench.queries import LIST_LENGTH, VARIETY, make_queries
from bench.results import Row
from bench.scenarios.scenario import ScenarioContext

CONNECTIONS = 32
UPDATE_INTERVAL_MS = 100.0
COUNTS = (1, 50, 500)
AGENTS = 200
# Each list comes back after all others. The gateway keeps up to 4,096 requests, so it has none of them.
NEW_RATES, NEW_LISTS = 50, 5_000
# Rates per query in the plot of cost against clients.
CLIENTS_RATES = 50
GOALS = {1: "20,000/s", 50: "12,000/s", 500: "5,000/s"}
TARGETS = {
    1: ((Server.PLAIN, 90), (Server.BARE, 0.55)),
    50: ((Server.PLAIN, 90),),
    500: ((Server.PLAIN, 180),),
}


def measure_queries(context: ScenarioContext, server: Server) -> None:
    """Measure answers/s for each number of rates."""
    for count in COUNTS:
        measure_query(context, server, count)


def measure_query(context: ScenarioContext, server: Server, count: int) -> None:
    """Measure answers/s of queries for `count` rates: 50 bodies in turn, all heads equal."""
    name = f"query, {count} rate{'s' * (count > 1)}, equal heads"
    row = Row(name, "answers/s", goal=f"≥ {GOALS[count]}", targets=TARGETS[count], is_throughput=True)
    seen = _query(context, server, count, context.plan.seconds)
    context.results.add(row, server, seen.per_s, seen.shares)


def measure_heads(context: ScenarioContext, server: Server) -> None:
    """Measure answers/s with a traceparent of its own for each request and 200 user agents."""
    row = Row("query, 1 rate, different heads", "answers/s", is_throughput=True)
    seen = _query(context, server, 1, context.plan.seconds, agents=AGENTS)
    context.results.add(row, server, seen.per_s, seen.shares)


def measure_new_variables(context: ScenarioContext, server: Server) -> None:
    """Measure answers/s of one document with more different lists than are kept."""
    row = Row(
        f"query, {NEW_RATES} rates, new variables ({NEW_LISTS:,} lists)",
        "answers/s",
        targets=((Server.BARE, 0.6), (Server.MERCURIUS, 10)),
        is_throughput=True,
    )
    seen = _query(context, server, NEW_RATES, context.plan.seconds, variety=NEW_LISTS)
    context.results.add(row, server, seen.per_s, seen.shares)


def measure_symbols(context: ScenarioContext, server: Server) -> None:
    """Measure CPU time per answer against the number of symbols, for the plot."""
    for count in context.plan.curve_symbols:
        seen = _query(context, server, count, context.plan.curve_seconds)
        context.results.add_point("symbols", server, count, _cost_us(seen))


def measure_clients(context: ScenarioContext, server: Server) -> None:
    """Measure CPU time per answer against clients with the same query, for the plot."""
    for count in context.plan.curve_clients:
        seen = _query(
            context, server, CLIENTS_RATES, context.plan.curve_seconds, connections=count, variety=1
        )
        context.results.add_point("clients", server, count, _cost_us(seen))


def check(started: RunningServer, query: str, count: int) -> None:
    """Check that the server returns `count` rates with prices.

    Raises:
        BenchmarkError: it does not.
    """
    seen = parse_rates(post_query(started, query))
    if len(seen) != count or any(each is None or each["price"] is None for each in seen):
        raise BenchmarkError(f"{started.server}: expected {count} rates with prices, saw {len(seen)}")


def _cost_us(seen: QueryMeasurement) -> float:
    return seen.shares.server / seen.per_s * 1e6


def _query(
    context: ScenarioContext,
    server: Server,
    count: int,
    seconds: float,
    *,
    connections: int = CONNECTIONS,
    variety: int = VARIETY,
    agents: int = 0,
) -> QueryMeasurement:
    environment = context.environment
    queries = make_queries(environment.symbols, count, environment.dialect(server), variety)
    # A response of Ratewire, for the bare limit.
    body = environment.folder / f"answer-{count}.json"
    command, path = None, "/graphql"
    if server is Server.BARE:
        command, path = python("bench.bare_http", "{port}", str(body)), "/0"
    with (
        environment.writing(groups=LIST_LENGTH, interval_ms=UPDATE_INTERVAL_MS) as writer,
        environment.serving(server, command) as started,
    ):
        if server is not Server.BARE:
            check(started, queries[0], count)
        if server is Server.RATEWIRE:
            body.write_bytes(post_query(started, queries[0]))
        writer.write_line("1")
        return context.load.query(
            started, queries, seconds=seconds, connections=connections, path=path, agents=agents
        )
