"""Ingest: from the writer through Redis into a gateway."""

import time

from bench.environment import Server
from bench.queries import make_subscription
from bench.results import Row
from bench.scenarios.scenario import ScenarioContext, absolute_target

FLUSH_INTERVAL_MS = 100.0


def measure_ingest(context: ScenarioContext, server: Server) -> None:
    """Measure a whole exchange into a gateway, at the target rate and flat out."""
    _measure_paced(context, server, context.plan.ingest_per_s)
    # The writer and Redis are the limit.
    _measure_ingest(context, server, "flat out", -1.0)


def measure_compared(context: ScenarioContext, server: Server) -> None:
    """Measure a whole exchange into a gateway, at a rate that two gateways follow on one core.

    The throughput is in the cost.
    """
    _measure_paced(context, server, context.plan.ingest_per_s // 2, is_throughput=True)


def _measure_paced(
    context: ScenarioContext, server: Server, per_s: int, *, is_throughput: bool = False
) -> None:
    interval_ms = context.plan.ingest_symbols / _count_groups(context) / per_s * 1000
    _measure_ingest(context, server, f"{per_s:,} tickers/s", interval_ms, per_s, is_throughput=is_throughput)


def _count_groups(context: ScenarioContext) -> int:
    per_flush = round(context.plan.ingest_per_s * FLUSH_INTERVAL_MS / 1000)
    return max(1, round(context.plan.ingest_symbols / per_flush))


def _measure_ingest(
    context: ScenarioContext,
    server: Server,
    label: str,
    interval_ms: float,
    expected_per_s: int = 0,
    *,
    is_throughput: bool = False,
) -> None:
    environment, add = context.environment, context.results.add
    message = make_subscription(environment.symbols[:1], environment.dialect(server))
    with (
        environment.writing(groups=_count_groups(context), interval_ms=interval_ms) as writer,
        environment.serving(server) as started,
    ):
        used = {each: -each.cpu_s() for each in (writer, environment.redis, started.process)}
        before = time.monotonic()
        seen = context.load.subscribe(
            started, [message], writer, count=1, seconds=2 * context.plan.seconds, window=0
        )
        for each in used:
            used[each] += each.cpu_s()
        elapsed = time.monotonic() - before
        written, per_s = environment.read_writer_report()
    name = f"ingest, {len(environment.symbols):,} symbols, {label}"
    shares = seen.shares._replace(load=used[writer] / elapsed)
    targets = absolute_target(0.97 * expected_per_s) if expected_per_s else ()
    add(Row(name, "tickers/s", goal="10,000/s", targets=targets), server, per_s, shares)
    for part, process in (("writer", writer), ("Redis", environment.redis)):
        row = Row(f"{name}: {part}", "µs/ticker", more_is_better=False)
        add(row, server, used[process] / written * 1e6)
    add(
        Row(f"{name}: server", "µs/ticker", more_is_better=False, is_throughput=is_throughput),
        server,
        seen.shares.server / per_s * 1e6,
    )
    add(Row(f"{name}: write to receipt, p99", "ms", more_is_better=False), server, seen.p99_ms)
