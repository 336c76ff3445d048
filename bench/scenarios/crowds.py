"""Many subscribers at the pace of a market: all is calm, all come or leave at once, or some stop reading."""

from bench.figures import Row
from bench.questions import make_subscription
from bench.scenarios.scenario import Bench, own
from bench.stage import Server

STALLED = 10
# 25 writes of 100 symbols a second move each of 500 symbols 5 times a second: half a megabyte a second for each reader,
# of which the kernel holds back the first megabytes.
STALLED_GROUPS, STALLED_INTERVAL_MS = 5, 40.0


def measure_idle(bench: Bench, server: Server) -> None:
    """Many subscribers of one symbol each, which moves once a second."""
    count, stage = bench.plan.idle_subscribers, bench.stage
    messages = [make_subscription([each], server) for each in stage.symbols]
    # Fifty writes a second of ten symbols each, so that the updates are spread over the second as real ones are.
    with (
        stage.writing(groups=50, interval_ms=20) as writer,
        stage.serving(server) as started,
    ):
        seen = bench.load.subscribe(
            started, messages, writer, count=count, seconds=bench.plan.idle_seconds, window=0
        )
    name = f"{count:,} subscribers, 1 update/s each"
    add = bench.figures.add
    add(Row(name, "deliveries/s", target=f"{count:,}/s"), server, seen.per_s, seen.shares)
    add(Row(f"{name}: p50", "ms", more_is_better=False), server, seen.p50_ms)
    add(
        Row(f"{name}: p99", "ms", more_is_better=False, target="≤ 150 ms", demands=own(150)),
        server,
        seen.p99_ms,
    )
    add(
        Row(f"{name}: processor", "% of a core", more_is_better=False, target="< 20 %", demands=own(20)),
        server,
        100 * seen.shares.server,
    )
    memory = Row(f"{name}: memory", "KB/connection", more_is_better=False, target="≤ 30 KB", demands=own(30))
    add(memory, server, seen.kb_per_connection)
    connects = Row(f"{name}: connect + subscribe", "connections/s", target="≥ 1,500/s", demands=own(1_500))
    add(connects, server, seen.connects_per_s)


def measure_storm(bench: Bench, server: Server) -> None:
    """Many connect within twenty seconds and all leave at once, as viewers do at a redeploy; those who were there before go on."""
    stage, joining = bench.stage, bench.plan.idle_subscribers
    messages = [make_subscription([each], server) for each in stage.symbols]
    with (
        stage.writing(groups=50, interval_ms=20) as writer,
        stage.serving(server) as started,
    ):
        seen = bench.load.storm(
            started,
            messages,
            writer,
            count=bench.plan.subscribers,
            joining=joining,
            per_s=joining / bench.plan.storm_seconds,
            seconds=bench.plan.seconds,
        )
    add, name = bench.figures.add, f"{joining:,} join in {bench.plan.storm_seconds:g} s"
    pace = joining / bench.plan.storm_seconds
    add(Row(name, "connections/s", target=f"{pace:,.0f}/s"), server, seen.join.per_s)
    add(Row(f"{name}: processor", "µs each", more_is_better=False), server, seen.join.us_each)
    add(
        Row(f"{name}: p99 of the others", "ms", more_is_better=False, target="≤ 150 ms"),
        server,
        seen.join.p99_ms,
    )
    name = f"{joining:,} leave at once"
    add(Row(f"{name}: processor", "µs each", more_is_better=False), server, seen.leave.us_each)
    add(Row(f"{name}: p99 of the others", "ms", more_is_better=False), server, seen.leave.p99_ms)


def measure_stalled(bench: Bench, server: Server) -> None:
    """Ten readers of 500 symbols stop reading while all of it moves; an eleventh goes on."""
    stage = bench.stage
    messages = [make_subscription(stage.symbols[:1], server)]
    messages += [make_subscription(stage.symbols, server)] * STALLED
    with (
        stage.writing(groups=STALLED_GROUPS, interval_ms=STALLED_INTERVAL_MS) as writer,
        stage.serving(server) as started,
    ):
        seen = bench.load.subscribe(
            started,
            messages,
            writer,
            count=1 + STALLED,
            seconds=bench.plan.stalled_seconds,
            window=0,
            stalled=STALLED,
        )
    name = f"{STALLED} stalled readers, {bench.plan.stalled_seconds:g} s"
    growth = Row(f"{name}: memory growth", "MB", more_is_better=False, target="< 10 MB", demands=own(10))
    bench.figures.add(growth, server, seen.growth_mb, seen.shares)
    bench.figures.add(Row(f"{name}: p99 of one that reads", "ms", more_is_better=False), server, seen.p99_ms)
