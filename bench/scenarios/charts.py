"""Candles: queries answered from memory, and subscribers of one chart beside those of rates."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

from bench.environment import Server, post_query
from bench.processes import BenchmarkError
from bench.queries import make_subscription
from bench.results import Row
from bench.scenarios.deliveries import WINDOW
from bench.scenarios.scenario import ScenarioContext, absolute_target
from bench.stored_minutes import SQLITE_MINUTES, store_minutes
from rates.symbol import Symbol

CANDLES, VARIETY, CONNECTIONS = 300, 50, 32
# Candles that are complete and older than 15 minutes change no more.
SETTLED = timedelta(minutes=30)
# A client reads `price` to tell the publication.
CHART = """
subscription Chart($symbol: Symbol!) {
  candles(symbols: [$symbol], source: BINANCE, interval: M1, sampleIntervalMs: 0) {
    kind items { id openTime price: close open high low volume state }
  }
}
"""
QUERY = """
query Candles($symbol: Symbol!, $to: DateTime) {
  candles(symbol: $symbol, source: BINANCE, interval: M1, to: $to, last: 300) {
    items { openTime open high low close volume coverage } cursor
  }
}
"""


def measure_candles(context: ScenarioContext, server: Server) -> None:
    """Measure answers/s of queries for 300 settled candles of a minute, of 50 symbols in turn."""
    environment = context.environment
    asyncio.run(store_minutes(environment.database_url, environment.symbols[:VARIETY], SQLITE_MINUTES))
    to = (datetime.now(UTC) - SETTLED).isoformat()
    bodies = [
        json.dumps({"query": QUERY, "variables": {"symbol": str(each), "to": to}})
        for each in environment.symbols[:VARIETY]
    ]
    with environment.serving(server) as started:
        for body in bodies:
            # Read from the database once.
            found = len(json.loads(post_query(started, body))["data"]["candles"]["items"])
            if found != CANDLES:
                raise BenchmarkError(f"expected {CANDLES} candles, saw {found}")
        seen = context.load.query(
            started, bodies, seconds=context.plan.seconds, connections=CONNECTIONS, path="/graphql"
        )
    add, name = context.results.add, f"query, {CANDLES} candles from memory"
    row = Row(name, "answers/s", goal="≥ 10,000/s", targets=absolute_target(10_000), is_throughput=True)
    add(row, server, seen.per_s, seen.shares)
    cost_us = seen.shares.server / max(seen.per_s, 1) * 1e6
    add(Row(f"{name}: processor", "µs/answer", more_is_better=False), server, cost_us)
    add(
        Row(f"{name}: p99 at full load", "ms", more_is_better=False, targets=absolute_target(5)),
        server,
        seen.p99_ms,
    )


def measure_charts(context: ScenarioContext, server: Server) -> None:
    """Measure deliveries/s to viewers of one chart, and to as many of the rates of one symbol."""
    count = context.plan.chart_subscribers
    environment = context.environment
    symbol = environment.symbols[0]
    messages = {
        "the rate": (make_subscription([symbol], environment.dialect(server)), environment.writing_rate),
        "the chart": (_make_chart(symbol), environment.writing_candles),
    }
    deliveries: dict[str, float] = {}
    for what, (message, writing) in messages.items():
        with writing() as writer, environment.serving(server) as started:
            seen = context.load.subscribe(
                started, [message], writer, count=count, seconds=context.plan.seconds, window=WINDOW
            )
        name = f"{count:,} subscribers of {what} of one symbol"
        row = Row(name, "deliveries/s", is_throughput=True)
        context.results.add(row, server, seen.per_s, seen.shares)
        context.results.add(Row(f"{name}: p99", "ms", more_is_better=False), server, seen.p99_ms)
        deliveries[what] = seen.per_s
    context.results.add(
        Row(
            f"{count:,} subscribers: chart / rate",
            "x",
            goal="≥ 0.5 x",
            targets=absolute_target(0.5),
            is_throughput=True,
        ),
        server,
        deliveries["the chart"] / deliveries["the rate"],
    )


def _make_chart(symbol: Symbol) -> str:
    payload = {"query": CHART, "variables": {"symbol": str(symbol)}}
    return json.dumps({"id": "1", "type": "subscribe", "payload": payload})
