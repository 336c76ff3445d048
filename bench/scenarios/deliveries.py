"""Subscriptions over WebSockets at full load."""

from bench.environment import Server
from bench.measurements import SubscriptionMeasurement
from bench.queries import LIST_LENGTH, make_lists, make_subscription
from bench.results import Row, Targets
from bench.scenarios.scenario import ScenarioContext

# Of each list of ten, one symbol changes with each publication.
HALF_LOAD_INTERVAL_MS = 100.0
# Publications in flight: enough that the server never waits for the writer.
WINDOW = 4


def measure_same(context: ScenarioContext, server: Server) -> None:
    """Measure deliveries/s where all subscribers have the same symbol."""
    count = context.plan.subscribers
    seen = _subscribe_same(context, server, count, context.plan.seconds)
    _add_deliveries(
        context,
        server,
        f"{count:,} subscribers, one symbol",
        seen,
        goal="≥ 80,000/s",
        targets=((Server.PLAIN, 11), (Server.BARE, 1.3)),
    )
    row = Row("connect + subscribe, one symbol", "connections/s", goal="≥ 1,500/s", is_throughput=True)
    context.results.add(row, server, seen.connects_per_s, seen.connect_shares)


def measure_subscribers(context: ScenarioContext, server: Server) -> None:
    """Measure CPU time per publication against the number of subscribers, for the plot."""
    for count in context.plan.curve_subscribers:
        seen = _subscribe_same(context, server, count, context.plan.curve_seconds)
        cost_ms = seen.shares.server / seen.per_s * count * 1e3
        context.results.add_point("subscribers", server, count, cost_ms)


def measure_lists(context: ScenarioContext, server: Server) -> None:
    """Measure deliveries/s where each subscriber has its own list of ten symbols."""
    count, environment = context.plan.subscribers, context.environment
    messages = [
        make_subscription(each, environment.dialect(server))
        for each in make_lists(environment.symbols, count)
    ]
    with (
        environment.writing(groups=LIST_LENGTH, interval_ms=0) as writer,
        environment.serving(server) as started,
    ):
        seen = context.load.subscribe(
            started, messages, writer, count=count, seconds=context.plan.seconds, window=WINDOW
        )
    name = f"{count:,} subscribers, {count:,} lists of {LIST_LENGTH}"
    # A server that is behind may deliver several rates in one event: what counts is how many rates its clients get.
    targets = ((Server.PLAIN, 5), (Server.MERCURIUS, 3))
    rates = Row(name, "rates/s", goal="≥ 35,000/s", targets=targets, is_throughput=True)
    context.results.add(rates, server, seen.items_per_s, seen.shares)
    context.results.add(Row(name, "deliveries/s"), server, seen.per_s)
    _add_latency_and_memory(context, server, name, seen)


def measure_half_load(context: ScenarioContext, server: Server) -> None:
    """Measure different lists at ten updates a second each: the server is not always busy."""
    count, environment = context.plan.subscribers, context.environment
    messages = [
        make_subscription(each, environment.dialect(server))
        for each in make_lists(environment.symbols, count)
    ]
    with (
        environment.writing(groups=LIST_LENGTH, interval_ms=HALF_LOAD_INTERVAL_MS) as writer,
        environment.serving(server) as started,
    ):
        seen = context.load.subscribe(
            started, messages, writer, count=count, seconds=context.plan.seconds, window=0
        )
    name = f"{count:,} lists of {LIST_LENGTH}, {1000 / HALF_LOAD_INTERVAL_MS:g} updates/s each"
    add = context.results.add
    add(Row(name, "deliveries/s"), server, seen.per_s, seen.shares)
    add(Row(f"{name}: p50", "ms", more_is_better=False), server, seen.p50_ms)
    add(Row(f"{name}: p99", "ms", more_is_better=False), server, seen.p99_ms)
    cost_us = seen.shares.server / max(seen.per_s, 1) * 1e6
    add(Row(f"{name}: processor", "µs/delivery", more_is_better=False), server, cost_us)


def _subscribe_same(
    context: ScenarioContext, server: Server, count: int, seconds: float
) -> SubscriptionMeasurement:
    environment = context.environment
    message = make_subscription(environment.symbols[:1], environment.dialect(server))
    with (
        environment.writing(groups=1, interval_ms=0, symbols=1) as writer,
        environment.serving(server) as started,
    ):
        return context.load.subscribe(started, [message], writer, count=count, seconds=seconds, window=WINDOW)


def _add_deliveries(
    context: ScenarioContext,
    server: Server,
    name: str,
    seen: SubscriptionMeasurement,
    *,
    goal: str,
    targets: Targets,
) -> None:
    add = context.results.add
    add(
        Row(name, "deliveries/s", goal=goal, targets=targets, is_throughput=True),
        server,
        seen.per_s,
        seen.shares,
    )
    _add_latency_and_memory(context, server, name, seen)


def _add_latency_and_memory(
    context: ScenarioContext, server: Server, name: str, seen: SubscriptionMeasurement
) -> None:
    add = context.results.add
    add(Row(f"{name}: p50 at full load", "ms", more_is_better=False), server, seen.p50_ms)
    add(Row(f"{name}: p99 at full load", "ms", more_is_better=False), server, seen.p99_ms)
    if context.environment.is_fresh:
        memory = Row(f"{name}: memory", "KB/connection", more_is_better=False, goal="≤ 30 KB")
        add(memory, server, seen.kb_per_connection)
