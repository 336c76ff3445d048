"""The effect of a greedy client on another one: `python -m bench.fairness`.

The greedy key sends queries at a hundred times its budget over kept connections, some of them with documents that are new each time, and
begins and ends subscriptions as often, over WebSockets. It runs and is refused before anything is measured. The other key sends queries
at a steady rate; a latency counts from when the request is due. Rounds without and with the greedy key alternate on one gateway, whose
rates change meanwhile; all latencies of a kind are pooled. The gateway has one core, everything else the other.

The rounds without are also compared with each other: what two halves of the same differ by is noise.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

from bench.environment import Environment, RunningServer, Server, post_query, prepared_environment
from bench.keys import GREEDY, GREEDY_LIMITS, create_keys
from bench.load_generator import LoadGenerator, SteadyQueries
from bench.machine import choose_cores, describe
from bench.processes import redis_version
from bench.queries import make_lists, make_queries, make_subscription

SYMBOLS = 500
ROUNDS, ROUND_S = 12, 8.0
TIMES = 100
# Of the greedy client. A connection is not read for up to five seconds after a refusal.
CONNECTIONS, SOCKETS = 300, 10
# So many of its queries have a new document: one in ten.
NEW_PART = 10
# Of the other client: requests a second, and connections, more than are ever in use.
PACE, PACED_CONNECTIONS = 200, 64
# The most by which p99 may move.
AIM = 1.2


class Rates(NamedTuple):
    """Requests a second that are each `TIMES` times the budget of the greedy key."""

    queries: float
    subscriptions: float


class Pooled(NamedTuple):
    """The rounds of one kind."""

    rounds: list[SteadyQueries]

    def latencies_ms(self, step: slice = slice(None)) -> list[float]:
        """Return all latencies of some rounds, in their order."""
        return sorted(each for measured in self.rounds[step] for each in measured.latencies_ms)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which a share of all is."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def read_rates(started: RunningServer, query: str, subscription: str) -> Rates:
    """Return what the greedy client sends, from the costs of its operations."""

    def points(document: str, variables: dict[str, Any]) -> float:
        text = "query ($document: String!, $variables: JSON) { cost(document: $document, variables: $variables) { points } }"
        body = {"query": text, "variables": {"document": document, "variables": variables}}
        answer = json.loads(post_query(started, json.dumps(body)))
        return float(answer["data"]["cost"]["points"])

    asked, subscribed = json.loads(query), json.loads(subscription)["payload"]
    per_s = TIMES * GREEDY_LIMITS["points"] / GREEDY_LIMITS["window_s"]
    return Rates(*(per_s / points(each["query"], each["variables"]) for each in (asked, subscribed)))


def measure(
    environment: Environment, load: LoadGenerator, greedy: str, *, rounds: int, seconds: float
) -> list[str]:
    """Return the lines of the report."""
    dialect = environment.dialect(Server.RATEWIRE)
    queries = make_queries(environment.symbols, 1, dialect)
    subscriptions = [make_subscription(each, dialect) for each in make_lists(environment.symbols, 50)]
    alone, beside, floods = Pooled([]), Pooled([]), list[dict[str, float]]()
    with (
        environment.writing(groups=50, interval_ms=20) as writer,
        environment.serving(Server.RATEWIRE, default_limits=True) as started,
    ):
        writer.write_line("1")
        rates = read_rates(started, queries[0], subscriptions[0])
        sent = queries * (NEW_PART - 1) + [
            each.replace("query Rate", "# ########\\nquery Rate") for each in queries
        ]
        messages = [each.replace('"id": "1"', '"id":"@"') for each in subscriptions]

        def query() -> SteadyQueries:
            return load.query_steadily(
                started, queries, seconds=seconds, connections=PACED_CONNECTIONS, per_s=PACE
            )

        for number in range(rounds):
            alone.rounds.append(query())
            with load.flooding(
                started,
                greedy,
                sent,
                messages,
                connections=CONNECTIONS,
                queries_per_s=rates.queries,
                sockets=SOCKETS,
                subscriptions_per_s=rates.subscriptions,
            ) as log:
                beside.rounds.append(query())
            floods.append(read_flood(log))
            show(number, alone.rounds[-1], beside.rounds[-1])
    return [*describe_flood(rates, floods), *describe_latencies(alone, beside)]


def read_flood(log: Path) -> dict[str, float]:
    """Return what the greedy client saw."""
    seen: dict[str, float] = json.loads(log.read_text().splitlines()[-1])
    return seen


def describe_flood(rates: Rates, floods: Sequence[dict[str, float]]) -> list[str]:
    """Return the lines about the greedy client."""

    def per_s(name: str) -> float:
        return sum(each[name] for each in floods) / sum(each["seconds"] for each in floods)

    text = (
        f"The greedy key tried {rates.queries:,.0f} queries/s and {rates.subscriptions:,.0f} subscriptions/s. "
        f"Its sockets took {per_s('sent'):,.0f} and {per_s('begun'):,.0f}/s; {per_s('answered'):,.1f} and "
        f"{per_s('started'):,.1f}/s were answered, {per_s('refused'):,.0f} and {per_s('denied'):,.0f}/s refused, "
        f"{per_s('lost'):,.1f} connections/s lost."
    )
    return [text]


def describe_latencies(alone: Pooled, beside: Pooled) -> list[str]:
    """Return the lines about the other client."""
    lines = ["", "| rounds | requests | p50 ms | p99 ms | core of the gateway |", "|---|---|---|---|---|"]
    for name, pooled in (("alone", alone), ("beside the greedy key", beside)):
        ordered = pooled.latencies_ms()
        figures = f"{percentile(ordered, 0.5):.3f} | {percentile(ordered, 0.99):.3f}"
        busy = fmean(each.shares.server for each in pooled.rounds)
        lines.append(f"| {name} | {len(ordered):,} | {figures} | {busy:.0%} |")
    ratios = {share: _ratio(alone.latencies_ms(), beside.latencies_ms(), share) for share in (0.5, 0.99)}
    each = [
        _ratio(sorted(one.latencies_ms), sorted(other.latencies_ms), 0.99)
        for one, other in zip(alone.rounds, beside.rounds, strict=True)
    ]
    halves = alone.latencies_ms(slice(0, None, 2)), alone.latencies_ms(slice(1, None, 2))
    moved = (
        f"p50 moved by {ratios[0.5]:.2f}, p99 by {ratios[0.99]:.2f} (aim: at most {AIM:.2f}); p99 of single rounds by "
        f"{min(each):.2f} to {max(each):.2f}, median {median(each):.2f}."
    )
    lines += ["", moved]
    if len(alone.rounds) > 1:
        halves = alone.latencies_ms(slice(0, None, 2)), alone.latencies_ms(slice(1, None, 2))
        lines.append(
            f"Of the rounds alone, every second one against the others: p99 {_ratio(*halves, 0.99):.2f}."
        )
    return lines


def _ratio(first: Sequence[float], second: Sequence[float], share: float) -> float:
    return percentile(second, share) / percentile(first, share)


def show(number: int, alone: SteadyQueries, beside: SteadyQueries) -> None:
    """Write the figures of a round to standard error."""
    pairs = [
        f"{name} {percentile(sorted(alone.latencies_ms), share):.3f} -> {percentile(sorted(beside.latencies_ms), share):.3f} ms"
        for name, share in (("p50", 0.5), ("p99", 0.99))
    ]
    sys.stderr.write(f"round {number + 1}: {', '.join(pairs)}\n")


def main() -> int:
    """Measure and print the report. Return 1 where p99 moved by more than the aim."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.fairness", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="pairs of rounds (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=ROUND_S, help="of a round (default %(default)s)")
    arguments = parser.parse_args()
    with prepared_environment(choose_cores(), SYMBOLS, keys=1) as environment:
        (greedy,) = create_keys(environment.database_url, 1, GREEDY)
        lines = measure(
            environment,
            LoadGenerator(environment),
            greedy,
            rounds=max(1, arguments.rounds),
            seconds=arguments.seconds,
        )
    sys.stdout.write("\n".join([*describe(redis_version()), "", *lines]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
