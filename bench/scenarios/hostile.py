"""Subscribers with keys beside ten hostile sockets without, under the shipped limits."""

from dataclasses import replace

from bench.environment import Server, prepared_environment
from bench.keys import KEYS
from bench.load_generator import LoadGenerator
from bench.measurements import SubscriptionMeasurement
from bench.processes import python, running
from bench.queries import make_subscription
from bench.results import Row
from bench.scenarios.scenario import ScenarioContext, absolute_target

# Hostile clients get what is left of the core of the load generator, which measures.
NICE = ("nice", "-n", "19")


def measure_hostile(context: ScenarioContext, server: Server) -> None:
    """Measure the latency of steady subscribers alone, then beside two kinds of hostile sockets."""
    outer = context.environment
    with prepared_environment(outer.cores, len(outer.symbols), keys=KEYS) as environment:
        inner = replace(context, environment=environment, load=LoadGenerator(environment))
        _measure_with_keys(inner, server)


def _measure_with_keys(context: ScenarioContext, server: Server) -> None:
    count, add = context.plan.subscribers, context.results.add
    alone_ms = _subscribe(context, server, None).p99_ms
    name = f"{count:,} subscribers, 1 update/s each"
    add(Row(f"{name}, alone: p99", "ms", more_is_better=False), server, alone_ms)
    for manner, words in (("ignores", "read nothing"), ("reads", "read all")):
        seen = _subscribe(context, server, manner)
        beside = f"{name}, beside ten hostile sockets that {words}"
        add(
            Row(f"{beside}: deliveries", "deliveries/s", goal=f"{count:,}/s"), server, seen.per_s, seen.shares
        )
        add(Row(f"{beside}: p99", "ms", more_is_better=False), server, seen.p99_ms)
        row = Row(
            f"{beside}: p99 moved",
            "% of alone",
            more_is_better=False,
            goal="≤ 200 %",
            targets=absolute_target(200),
        )
        add(row, server, 100 * seen.p99_ms / alone_ms)


def _subscribe(context: ScenarioContext, server: Server, manner: str | None) -> SubscriptionMeasurement:
    environment, plan = context.environment, context.plan
    messages = [make_subscription([each], environment.dialect(server)) for each in environment.symbols]
    # Fifty writes a second of ten symbols each spread the updates over the second.
    with (
        environment.writing(groups=50, interval_ms=20) as writer,
        environment.serving(server, default_limits=True) as started,
    ):

        def subscribe() -> SubscriptionMeasurement:
            return context.load.subscribe(
                started, messages, writer, count=plan.subscribers, seconds=plan.idle_seconds, window=0
            )

        if manner is None:
            return subscribe()
        hostile = [*NICE, *python("bench.hostile_sockets", str(started.port), manner)]
        log = environment.folder / "hostile.log"
        with running(hostile, core=environment.cores.load, log=log):
            return subscribe()
