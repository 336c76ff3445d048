"""What is measured. A scenario starts a server, measures, and stops it; the servers take turns within each round."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench.figures import Demands, Figures, Row, Shares
from bench.load import Deliveries, Load
from bench.plan import Plan
from bench.processes import BenchFailed, python
from bench.questions import LIST_LENGTH, VARIETY, make_lists, make_queries, make_subscription
from bench.stage import Server, Stage, Started, ask, items

SYMBOLS = 500
CONNECTIONS = 32
# Publications on their way while the next are being delivered: the server never waits for the writer.
WINDOW = 4
UPDATE_INTERVAL_MS = 100.0
STALLED = 10
# 25 writes of 100 symbols a second move each of 500 symbols 5 times a second: half a megabyte a second for each reader,
# of which the kernel holds back the first megabytes.
STALLED_GROUPS, STALLED_INTERVAL_MS = 5, 40.0
FLUSH_INTERVAL_MS = 100.0
QUERIED = (1, 50, 500)
WORKERS, WORKERS_ARE_ASKED = (1, 2), 50
# What all of them ask in the plot of cost against clients.
CLIENTS_ASK = 50
QUERY_TARGETS = {1: "20,000/s", 50: "12,000/s", 500: "5,000/s"}
QUERY_DEMANDS = {
    1: ((Server.PLAIN, 90), (Server.BARE, 0.55)),
    50: ((Server.PLAIN, 90),),
    500: ((Server.PLAIN, 180),),
}


@dataclass(frozen=True)
class Bench:
    """What a scenario works with."""

    stage: Stage
    load: Load
    plan: Plan
    figures: Figures


Scenario = Callable[[Bench, Server], None]


def own(bound: float) -> Demands:
    """What is demanded of Ratewire's own figure."""
    return ((Server.RATEWIRE, bound),)


def measure_queries(bench: Bench, server: Server) -> None:
    """Answers a second while 500 rates move once a second; the bare limit answers with as many bytes."""
    for count in QUERIED:
        name = f"query, {count} rate{'s' * (count > 1)}"
        row = Row(name, "answers/s", target=f"≥ {QUERY_TARGETS[count]}", demands=QUERY_DEMANDS[count])
        _measure_query(bench, server, count, partial(bench.figures.add, row, server), bench.plan.seconds)


def measure_symbols(bench: Bench, server: Server) -> None:
    """The plot of cost against symbols: processor time per answer."""
    for count in bench.plan.curve_symbols:
        _measure_query(
            bench,
            server,
            count,
            partial(_note_cost, bench, server, count),
            bench.plan.curve_seconds,
        )


def measure_clients(bench: Bench, server: Server) -> None:
    """The plot of cost against clients that ask the same: processor time per answer."""
    for count in bench.plan.curve_clients:
        note = partial(_note_cost, bench, server, count, curve="clients")
        _measure_query(
            bench, server, CLIENTS_ASK, note, bench.plan.curve_seconds, connections=count, questions=1
        )


def _note_cost(
    bench: Bench, server: Server, count: int, per_s: float, shares: Shares, *, curve: str = "symbols"
) -> None:
    bench.figures.add_point(curve, server, count, shares.server / per_s * 1e6)


def _measure_query(
    bench: Bench,
    server: Server,
    count: int,
    note: Callable[[float, Shares], None],
    seconds: float,
    *,
    connections: int = CONNECTIONS,
    questions: int = VARIETY,
) -> None:
    stage = bench.stage
    queries = make_queries(stage.symbols, count, server)[:questions]
    with stage.writing(groups=LIST_LENGTH, interval_ms=UPDATE_INTERVAL_MS) as writer:
        if server is Server.BARE:
            body = stage.folder / f"answer-{count}.json"
            command = python("bench.bare_http", "{port}", str(body))
        with stage.serving(server, command if server is Server.BARE else None) as started:
            path = "/0" if server is Server.BARE else "/graphql"
            if server is not Server.BARE:
                check(started, queries[0], count)
                if server is Server.RATEWIRE:
                    (stage.folder / f"answer-{count}.json").write_bytes(ask(started.port, queries[0]))
            writer.tell("1")
            answers = bench.load.query(started, queries, seconds=seconds, connections=connections, path=path)
    note(answers.per_s, answers.shares)


def check(started: Started, query: str, count: int) -> None:
    """The server answers what it was asked, before its speed means anything.

    Raises:
        BenchFailed: it does not.
    """
    seen = items(ask(started.port, query))
    if len(seen) != count or any(each is None or each["price"] is None for each in seen):
        raise BenchFailed(f"{started.server}: expected {count} rates with prices, saw {len(seen)}")


def measure_same(bench: Bench, server: Server) -> None:
    """Everyone has subscribed to the same symbol, which moves as fast as it is delivered."""
    count = bench.plan.subscribers
    seen = _subscribe_same(bench, server, count, bench.plan.seconds)
    _note_deliveries(
        bench,
        server,
        f"{count:,} subscribers, one symbol",
        seen,
        target="≥ 80,000/s",
        demands=((Server.PLAIN, 11), (Server.BARE, 0.8)),
    )
    row = Row("connect + subscribe, one symbol", "connections/s", target="≥ 1,500/s")
    bench.figures.add(row, server, seen.connects_per_s)


def measure_subscribers(bench: Bench, server: Server) -> None:
    """The plot of cost against subscribers: processor time per publication of one symbol."""
    for count in bench.plan.curve_subscribers:
        seen = _subscribe_same(bench, server, count, bench.plan.curve_seconds)
        cost_ms = seen.shares.server / seen.per_s * count * 1e3
        bench.figures.add_point("subscribers", server, count, cost_ms)


def _subscribe_same(bench: Bench, server: Server, count: int, seconds: float) -> Deliveries:
    stage = bench.stage
    message = make_subscription(stage.symbols[:1], server)
    with (
        stage.writing(groups=1, interval_ms=0, symbols=1) as writer,
        stage.serving(server) as started,
    ):
        return bench.load.subscribe(started, [message], writer, count=count, seconds=seconds, window=WINDOW)


def measure_lists(bench: Bench, server: Server) -> None:
    """Everyone has another list of ten symbols; each write moves one symbol of each list."""
    count, stage = bench.plan.subscribers, bench.stage
    messages = [make_subscription(each, server) for each in make_lists(stage.symbols, count)]
    with (
        stage.writing(groups=LIST_LENGTH, interval_ms=0) as writer,
        stage.serving(server) as started,
    ):
        seen = bench.load.subscribe(
            started, messages, writer, count=count, seconds=bench.plan.seconds, window=WINDOW
        )
    name = f"{count:,} subscribers, {count:,} lists of {LIST_LENGTH}"
    _note_deliveries(bench, server, name, seen, target="≥ 35,000/s", demands=((Server.PLAIN, 5),))


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
            started, messages, writer, count=count, seconds=2 * bench.plan.seconds, window=0
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


def measure_ingest(bench: Bench, server: Server) -> None:
    """A whole exchange into Redis and on to a gateway with one subscriber: at the pace of the target, and flat out."""
    plan = bench.plan
    per_flush = round(plan.ingest_per_s * FLUSH_INTERVAL_MS / 1000)
    groups = max(1, round(plan.ingest_symbols / per_flush))
    paced_ms = plan.ingest_symbols / groups / plan.ingest_per_s * 1000
    for label, interval_ms in ((f"{plan.ingest_per_s:,} tickers/s", paced_ms), ("flat out", -1.0)):
        _measure_ingest(bench, server, label, groups, interval_ms)


def _measure_ingest(bench: Bench, server: Server, label: str, groups: int, interval_ms: float) -> None:
    stage, add = bench.stage, bench.figures.add
    message = make_subscription(stage.symbols[:1], server)
    with (
        stage.writing(groups=groups, interval_ms=interval_ms) as writer,
        stage.serving(server) as started,
    ):
        used = {each: -each.cpu_s() for each in (writer, stage.redis, started.process)}
        before = time.monotonic()
        seen = bench.load.subscribe(
            started, [message], writer, count=1, seconds=2 * bench.plan.seconds, window=0
        )
        for each in used:
            used[each] += each.cpu_s()
        elapsed = time.monotonic() - before
        written, per_s = stage.read_written()
    name = f"ingest, {len(stage.symbols):,} symbols, {label}"
    shares = seen.shares._replace(load=used[writer] / elapsed)
    demands = own(0.97 * bench.plan.ingest_per_s) if interval_ms > 0 else ()
    add(Row(name, "tickers/s", target="10,000/s", demands=demands), server, per_s, shares)
    for part, process in (("writer", writer), ("Redis", stage.redis)):
        row = Row(f"{name}: {part}", "µs/ticker", more_is_better=False)
        add(row, server, used[process] / written * 1e6)
    add(
        Row(f"{name}: server", "µs/ticker", more_is_better=False),
        server,
        seen.shares.server / per_s * 1e6,
    )
    add(Row(f"{name}: write to receipt, p99", "ms", more_is_better=False), server, seen.p99_ms)


def _note_deliveries(
    bench: Bench, server: Server, name: str, seen: Deliveries, *, target: str, demands: Demands
) -> None:
    add = bench.figures.add
    add(Row(name, "deliveries/s", target=target, demands=demands), server, seen.per_s, seen.shares)
    add(Row(f"{name}: p50 at full load", "ms", more_is_better=False), server, seen.p50_ms)
    add(Row(f"{name}: p99 at full load", "ms", more_is_better=False), server, seen.p99_ms)
    add(
        Row(f"{name}: memory", "KB/connection", more_is_better=False, target="≤ 30 KB"),
        server,
        seen.kb_per_connection,
    )


def measure_workers(bench: Bench, server: Server) -> None:
    """Answers with one worker and with two, on all cores of the machine: the load generator needs one of them."""
    stage, add = bench.stage, bench.figures.add
    queries = make_queries(stage.symbols, WORKERS_ARE_ASKED, server)
    for workers in WORKERS:
        command = python("ratewire", "gateway", "--workers", str(workers))
        with stage.serving(server, command, on_all_cores=True) as started:
            check(started, queries[0], WORKERS_ARE_ASKED)
            before, began = started.process.cpu_of_all_s(), time.monotonic()
            answers = bench.load.query(
                started, queries, seconds=bench.plan.seconds, connections=2 * CONNECTIONS
            )
            used, elapsed = started.process.cpu_of_all_s() - before, time.monotonic() - began
        name = f"query, {WORKERS_ARE_ASKED} rates, {workers} worker{'s' * (workers > 1)} on {len(stage.cores.all)} cores"
        shares = Shares(used / elapsed, 0, answers.shares.load)
        add(Row(name, "answers/s"), server, answers.per_s, shares)
        # The load generator's warming up is the same load.
        cost_us = used / elapsed / answers.per_s * 1e6
        add(Row(f"{name}: processor", "µs/answer", more_is_better=False), server, cost_us)


ALL = tuple(Server)
PEERS = (Server.RATEWIRE, Server.PLAIN)
SCENARIOS: dict[str, tuple[Scenario, tuple[Server, ...], int]] = {
    # name: what is done, by whom, with how many instruments
    "queries": (measure_queries, ALL, SYMBOLS),
    "same": (measure_same, ALL, SYMBOLS),
    "lists": (measure_lists, ALL, SYMBOLS),
    "idle": (measure_idle, ALL, SYMBOLS),
    "storm": (measure_storm, (Server.RATEWIRE, Server.BARE), SYMBOLS),
    "stalled": (measure_stalled, PEERS, SYMBOLS),
    "ingest": (measure_ingest, ALL, 0),
    "workers": (measure_workers, (Server.RATEWIRE,), SYMBOLS),
    "symbols": (measure_symbols, ALL, SYMBOLS),
    "clients": (measure_clients, ALL, SYMBOLS),
    "subscribers": (measure_subscribers, ALL, SYMBOLS),
}
CURVES = ("symbols", "clients", "subscribers")
