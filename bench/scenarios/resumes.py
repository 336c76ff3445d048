"""Clients that resume beside live subscribers, as during a rolling restart."""

import json

from bench.environment import Server, post_query
from bench.queries import make_resume, make_subscription
from bench.results import Row
from bench.scenarios.scenario import ScenarioContext, absolute_target


def measure_resumes(context: ScenarioContext, server: Server) -> None:
    """Measure resumes of two symbols, after a cursor older than all writes of the run.

    On open sockets, which costs the resume alone, and on new ones, which costs the connection too.
    """
    environment, plan = context.environment, context.plan
    messages = [make_subscription([each], environment.dialect(server)) for each in environment.symbols]
    for stays_open in (True, False):
        with (
            environment.writing(groups=50, interval_ms=20) as writer,
            environment.serving(server) as started,
        ):
            query = f'{{ rates(symbols: ["{environment.symbols[0]}"]) {{ cursor }} }}'
            answer = post_query(started, json.dumps({"query": query}))
            cursor = json.loads(answer)["data"]["rates"]["cursor"]
            seen = context.load.resume(
                started,
                messages,
                make_resume(environment.symbols[:2], cursor, environment.dialect(server)),
                writer,
                count=plan.idle_subscribers,
                per_s=plan.resumes_per_s,
                seconds=plan.idle_seconds,
                stays_open=stays_open,
            )
        add, sockets = context.results.add, "open" if stays_open else "new"
        name = (
            f"{plan.resumes_per_s:,.0f} resumes/s on {sockets} sockets, {plan.idle_subscribers:,} subscribers"
        )
        add(Row(name, "resumes/s", goal=f"{plan.resumes_per_s:,.0f}/s"), server, seen.per_s)
        add(Row(f"{name}: mean", "ms", more_is_better=False), server, seen.mean_ms)
        add(Row(f"{name}: processor", "µs each", more_is_better=False), server, seen.us_each)
        add(Row(f"{name}: p99 of the others before", "ms", more_is_better=False), server, seen.steady_p99_ms)
        add(Row(f"{name}: p99 of the others", "ms", more_is_better=False), server, seen.p99_ms)
        moved = Row(
            f"{name}: p99 of the others moved",
            "% of before",
            more_is_better=False,
            goal="≤ 120 %",
            targets=absolute_target(120) if stays_open else (),
        )
        add(moved, server, 100 * seen.p99_ms / seen.steady_p99_ms)
