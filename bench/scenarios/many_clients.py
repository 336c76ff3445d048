"""Many subscribers: steady, a mass connect and disconnect, and stalled readers."""

from bench.environment import Server
from bench.queries import make_subscription
from bench.results import Row
from bench.scenarios.scenario import ScenarioContext, absolute_target

STALLED = 10
# 25 writes a second of 100 symbols change each of 500 symbols 5 times a second: 0.5 MB/s per subscriber. The kernel buffers
# the first megabytes.
STALLED_GROUPS, STALLED_INTERVAL_MS = 5, 40.0


def measure_idle(context: ScenarioContext, server: Server) -> None:
    """Measure many subscribers of one symbol each, which changes once a second."""
    count, environment = context.plan.idle_subscribers, context.environment
    messages = [make_subscription([each], environment.dialect(server)) for each in environment.symbols]
    # Fifty writes a second of ten symbols each spread the updates over the second.
    with (
        environment.writing(groups=50, interval_ms=20) as writer,
        environment.serving(server) as started,
    ):
        seen = context.load.subscribe(
            started, messages, writer, count=count, seconds=context.plan.idle_seconds, window=0
        )
    name = f"{count:,} subscribers, 1 update/s each"
    add = context.results.add
    add(Row(name, "deliveries/s", goal=f"{count:,}/s"), server, seen.per_s, seen.shares)
    add(Row(f"{name}: p50", "ms", more_is_better=False), server, seen.p50_ms)
    add(
        Row(f"{name}: p99", "ms", more_is_better=False, goal="≤ 150 ms", targets=absolute_target(150)),
        server,
        seen.p99_ms,
    )
    add(
        Row(
            f"{name}: processor",
            "% of a core",
            more_is_better=False,
            goal="< 20 %",
            targets=absolute_target(20),
        ),
        server,
        100 * seen.shares.server,
    )
    memory = Row(
        f"{name}: memory", "KB/connection", more_is_better=False, goal="≤ 30 KB", targets=absolute_target(30)
    )
    add(memory, server, seen.kb_per_connection)
    connects = Row(
        f"{name}: connect + subscribe", "connections/s", goal="≥ 1,500/s", targets=absolute_target(1_500)
    )
    add(connects, server, seen.connects_per_s, seen.connect_shares)


def measure_burst(context: ScenarioContext, server: Server) -> None:
    """Measure many subscribers that get an event at once, once a second."""
    count, environment = context.plan.idle_subscribers, context.environment
    messages = [make_subscription(environment.symbols[:1], environment.dialect(server))]
    with (
        environment.writing(groups=1, interval_ms=1000, symbols=1) as writer,
        environment.serving(server) as started,
    ):
        seen = context.load.subscribe(
            started, messages, writer, count=count, seconds=context.plan.idle_seconds, window=0
        )
    name, add = f"one event to {count:,} at once", context.results.add
    targets = ((Server.ASGI, 1 / 0.7),)
    add(Row(f"{name}: p50", "ms", more_is_better=False), server, seen.p50_ms, seen.shares)
    add(Row(f"{name}: p99", "ms", more_is_better=False, targets=targets), server, seen.p99_ms)
    cost_us = seen.shares.server / max(seen.per_s, 1) * 1e6
    add(Row(f"{name}: processor", "µs/delivery", more_is_better=False), server, cost_us)
    memory = Row(f"{name}: memory", "KB/connection", more_is_better=False, targets=((Server.ASGI, 1),))
    add(memory, server, seen.kb_per_connection)
    connects = Row(f"{name}: connect + subscribe", "connections/s", targets=((Server.ASGI, 1),))
    add(connects, server, seen.connects_per_s, seen.connect_shares)


def measure_storm(context: ScenarioContext, server: Server) -> None:
    """Measure a mass connect and disconnect, as at a redeploy, beside steady subscribers."""
    environment, joining = context.environment, context.plan.idle_subscribers
    messages = [make_subscription([each], environment.dialect(server)) for each in environment.symbols]
    with (
        environment.writing(groups=50, interval_ms=20) as writer,
        environment.serving(server) as started,
    ):
        seen = context.load.storm(
            started,
            messages,
            writer,
            count=context.plan.subscribers,
            joining=joining,
            per_s=joining / context.plan.storm_seconds,
            seconds=context.plan.seconds,
        )
    add, name = context.results.add, f"{joining:,} connect in {context.plan.storm_seconds:g} s"
    pace = joining / context.plan.storm_seconds
    add(Row(name, "connections/s", goal=f"{pace:,.0f}/s"), server, seen.join.per_s)
    add(Row(f"{name}: processor", "µs each", more_is_better=False), server, seen.join.us_each)
    add(
        Row(f"{name}: p99 of the others", "ms", more_is_better=False, goal="≤ 150 ms"),
        server,
        seen.join.p99_ms,
    )
    name = f"{joining:,} disconnect at once"
    add(Row(f"{name}: processor", "µs each", more_is_better=False), server, seen.leave.us_each)
    add(Row(f"{name}: p99 of the others", "ms", more_is_better=False), server, seen.leave.p99_ms)


def measure_stalled(context: ScenarioContext, server: Server) -> None:
    """Measure ten subscribers of 500 changing symbols that stop reading, and one that goes on."""
    environment = context.environment
    messages = [make_subscription(environment.symbols[:1], environment.dialect(server))]
    messages += [make_subscription(environment.symbols, environment.dialect(server))] * STALLED
    with (
        environment.writing(groups=STALLED_GROUPS, interval_ms=STALLED_INTERVAL_MS) as writer,
        environment.serving(server) as started,
    ):
        seen = context.load.subscribe(
            started,
            messages,
            writer,
            count=1 + STALLED,
            seconds=context.plan.stalled_seconds,
            window=0,
            stalled=STALLED,
        )
    name = f"{STALLED} stalled readers, {context.plan.stalled_seconds:g} s"
    growth = Row(
        f"{name}: memory growth", "MB", more_is_better=False, goal="< 10 MB", targets=absolute_target(10)
    )
    context.results.add(growth, server, seen.growth_mb, seen.shares)
    context.results.add(
        Row(f"{name}: p99 of one that reads", "ms", more_is_better=False), server, seen.p99_ms
    )
