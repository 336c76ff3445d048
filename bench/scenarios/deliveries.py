"""Updates over WebSockets, as fast as they are taken."""

from bench.figures import Demands, Row
from bench.load import Deliveries
from bench.questions import LIST_LENGTH, make_lists, make_subscription
from bench.scenarios.scenario import Bench
from bench.stage import Server

# Publications on their way while the next are being delivered: the server never waits for the writer.
WINDOW = 4


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


def _subscribe_same(bench: Bench, server: Server, count: int, seconds: float) -> Deliveries:
    stage = bench.stage
    message = make_subscription(stage.symbols[:1], server)
    with (
        stage.writing(groups=1, interval_ms=0, symbols=1) as writer,
        stage.serving(server) as started,
    ):
        return bench.load.subscribe(started, [message], writer, count=count, seconds=seconds, window=WINDOW)


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
