"""Prices on their way into a gateway."""

import time

from bench.figures import Row
from bench.questions import make_subscription
from bench.scenarios.scenario import Bench, own
from bench.stage import Server

FLUSH_INTERVAL_MS = 100.0


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
