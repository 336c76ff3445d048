"""The effect of a greedy client on another one: `python -m bench.fairness`.

The greedy key sends a hundred times its budget, in one of four ways (`Mode`): queries over kept connections, subscriptions that begin
and end over WebSockets, both, or queries with documents that are new each time. It runs and is refused before anything is measured. The
other key sends queries at a steady rate. Rounds without and with the greedy key alternate on one gateway, whose rates change meanwhile.
The gateway has one core, everything else the other; the greedy client gets what the others leave of that.

Two latencies are measured: from when a request is due until its answer is read, and from its send until the kernel has its answer. The
second one has nothing of what the load generator waits for its own core.

Each round is compared with the round alone before it. Consecutive rounds alone are compared, too: what they differ by is noise.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

from bench.environment import Environment, RunningServer, Server, post_query, prepared_environment
from bench.keys import GREEDY, GREEDY_LIMITS, create_keys
from bench.load_generator import LoadGenerator
from bench.machine import choose_cores, describe
from bench.measurements import SteadyQueries
from bench.processes import redis_version
from bench.queries import make_lists, make_queries, make_subscription
from gateway.schema.root_points import price_document

SYMBOLS = 500
ROUNDS, ROUND_S = 9, 5.0
TIMES = 100
# Of the greedy client. A connection is not read for up to five seconds after a refusal.
CONNECTIONS, SOCKETS = 300, 10
# With both, so many of its queries have a new document: one in ten.
NEW_PART = 10
# Of the other client: requests a second, and connections, more than are ever in use.
PACE, PACED_CONNECTIONS = 400, 64
# The most by which p99 may move.
AIM = 1.2


class Mode(StrEnum):
    """Kinds of operations of the greedy client."""

    QUERIES = "queries"
    SOCKETS = "sockets"
    BOTH = "both"
    NEW = "new"


class Flood(NamedTuple):
    """Operations of the greedy client, and their rates: each kind is `TIMES` times its budget."""

    bodies: Sequence[str]
    queries_per_s: float
    messages: Sequence[str]
    subscriptions_per_s: float

    @classmethod
    def of(
        cls, mode: Mode, started: RunningServer, queries: Sequence[str], messages: Sequence[str]
    ) -> "Flood":
        """Return what is sent in a mode, at rates by the costs that the gateway tells."""
        per_s = TIMES * GREEDY_LIMITS["points"] / GREEDY_LIMITS["window_s"]
        query, subscription = json.loads(queries[0]), json.loads(messages[0])["payload"]
        cost = read_cost(started, query)
        new = [each.replace("query Rate", "# ########\\nquery Rate") for each in queries]
        sockets = (
            per_s / read_cost(started, subscription),
            [each.replace('"id": "1"', '"id":"@"') for each in messages],
        )
        match mode:
            case Mode.QUERIES:
                return cls(queries, per_s / cost, sockets[1], 0)
            case Mode.NEW:
                document = json.loads(new[0])["query"]
                return cls(new, per_s / (cost + price_document(document)), sockets[1], 0)
            case Mode.SOCKETS:
                return cls(queries, 0, sockets[1], sockets[0])
            case Mode.BOTH:
                return cls([*queries] * (NEW_PART - 1) + new, per_s / cost, sockets[1], sockets[0])


class ModeRounds(NamedTuple):
    """The rounds of a mode, in their order."""

    mode: Mode
    flood: Flood
    alone: list[SteadyQueries]
    beside: list[SteadyQueries]
    seen: list[dict[str, float]]
    """What the greedy client saw in each round."""


def percentile(latencies: Sequence[float], share: float = 0.99) -> float:
    """Return the value below which a share of all is."""
    return sorted(latencies)[min(len(latencies) - 1, int(share * len(latencies)))]


def read_cost(started: RunningServer, operation: dict[str, Any]) -> float:
    """Return the points of an operation, as the gateway tells them."""
    text = "query ($document: String!, $variables: JSON) { cost(document: $document, variables: $variables) { points } }"
    variables = {"document": operation["query"], "variables": operation["variables"]}
    answer = json.loads(post_query(started, json.dumps({"query": text, "variables": variables})))
    return float(answer["data"]["cost"]["points"])


def measure(
    environment: Environment,
    load: LoadGenerator,
    greedy: str,
    *,
    modes: Sequence[Mode],
    rounds: int,
    seconds: float,
) -> list[ModeRounds]:
    """Return the rounds of each mode."""
    dialect = environment.dialect(Server.RATEWIRE)
    queries = make_queries(environment.symbols, 1, dialect)
    messages = [make_subscription(each, dialect) for each in make_lists(environment.symbols, 50)]
    found = []
    for mode in modes:
        # A gateway of its own: what another mode has left does not count.
        with (
            environment.writing(groups=50, interval_ms=20) as writer,
            environment.serving(Server.RATEWIRE, default_limits=True) as started,
        ):
            writer.write_line("1")
            compared = ModeRounds(mode, Flood.of(mode, started, queries, messages), [], [], [])
            for _ in range(rounds):
                compare_once(compared, load, started, greedy, queries=queries, seconds=seconds)
            found.append(compared)
    return found


def compare_once(
    compared: ModeRounds,
    load: LoadGenerator,
    started: RunningServer,
    greedy: str,
    *,
    queries: Sequence[str],
    seconds: float,
) -> None:
    """Add a round without the greedy client and one beside it."""

    def query() -> SteadyQueries:
        return load.query_steadily(
            started, queries, seconds=seconds, connections=PACED_CONNECTIONS, per_s=PACE
        )

    flood = compared.flood
    compared.alone.append(query())
    with load.flooding(
        started,
        greedy,
        flood.bodies,
        flood.messages,
        connections=CONNECTIONS if flood.queries_per_s else 0,
        queries_per_s=flood.queries_per_s,
        sockets=SOCKETS if flood.subscriptions_per_s else 0,
        subscriptions_per_s=flood.subscriptions_per_s,
    ) as log:
        compared.beside.append(query())
    compared.seen.append(read_flood(log))
    show(compared)


def read_flood(log: Path) -> dict[str, float]:
    """Return what the greedy client saw."""
    seen: dict[str, float] = json.loads(log.read_text().splitlines()[-1])
    return seen


def describe_all(found: Sequence[ModeRounds]) -> list[str]:
    """Return the lines of the report."""
    head = " | ".join(("greedy client", *_COLUMNS))
    return [
        f"| {head} |",
        "|" + "---|" * (1 + len(_COLUMNS)),
        *map(describe_row, found),
        "",
        *map(describe_flood, found),
    ]


def describe_row(compared: ModeRounds) -> str:
    """Return the line of a mode in the table."""
    alone, beside = (
        [ms for each in rounds for ms in each.latencies_ms] for rounds in (compared.alone, compared.beside)
    )
    cores = (fmean(each.shares.server for each in rounds) for rounds in (compared.alone, compared.beside))
    cells = [
        compared.mode,
        *(f"{value:.3f}" for value in (percentile(alone, 0.5), percentile(alone), percentile(beside))),
        *(f"{value:.1%}" for value in cores),
    ]
    for latencies in _READ:
        cells += [_spread(ratios(compared, latencies)), _spread(noise(compared, latencies))]
    return f"| {' | '.join(cells)} |"


def ratios(compared: ModeRounds, latencies: Callable[[SteadyQueries], list[float]]) -> list[float]:
    """Return how p99 moved in each round."""
    pairs = zip(compared.alone, compared.beside, strict=True)
    return [percentile(latencies(beside)) / percentile(latencies(alone)) for alone, beside in pairs]


def noise(compared: ModeRounds, latencies: Callable[[SteadyQueries], list[float]]) -> list[float]:
    """Return by how much p99 differed between consecutive rounds alone."""
    return [
        percentile(latencies(second)) / percentile(latencies(first))
        for first, second in pairwise(compared.alone)
    ]


_COLUMNS = (
    *("p50 alone, ms", "p99 alone", "p99 beside it", "core alone", "beside it"),
    *(
        "p99, times",
        "of consecutive rounds alone",
        "p99 of the gateway, times",
        "of consecutive rounds alone",
    ),
)
_READ: Sequence[Callable[[SteadyQueries], list[float]]] = (
    lambda each: each.latencies_ms,
    lambda each: each.served_ms,
)


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def describe_flood(compared: ModeRounds) -> str:
    """Return the line about what the greedy client tried and saw."""

    def per_s(name: str) -> float:
        return sum(each[name] for each in compared.seen) / sum(each["seconds"] for each in compared.seen)

    flood = compared.flood
    return (
        f"{compared.mode}: tried {flood.queries_per_s:,.0f} queries/s and {flood.subscriptions_per_s:,.0f} subscriptions/s. "
        f"Its sockets took {per_s('sent'):,.0f} and {per_s('begun'):,.0f}/s; {per_s('answered'):,.1f} and "
        f"{per_s('started'):,.1f}/s were answered, {per_s('refused'):,.0f} and {per_s('denied'):,.0f}/s refused, "
        f"{per_s('lost'):,.1f} connections/s lost."
    )


def show(compared: ModeRounds) -> None:
    """Write the figures of the last round to standard error."""
    alone, beside = compared.alone[-1], compared.beside[-1]
    pairs = [
        f"{name} {percentile(latencies(alone)):.3f} -> {percentile(latencies(beside)):.3f} ms"
        for name, latencies in zip(("p99", "in the gateway"), _READ, strict=True)
    ]
    sys.stderr.write(f"{compared.mode}, round {len(compared.alone)}: {', '.join(pairs)}\n")


def main() -> int:
    """Measure and print the report. Return 1 where p99 moved by more than the aim."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.fairness", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "--mode", type=Mode, choices=list(Mode), action="append", help="only this (all by default)"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="pairs of rounds (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=ROUND_S, help="of a round (default %(default)s)")
    arguments = parser.parse_args()
    with prepared_environment(choose_cores(), SYMBOLS, keys=1) as environment:
        (greedy,) = create_keys(environment.database_url, 1, GREEDY)
        found = measure(
            environment,
            LoadGenerator(environment),
            greedy,
            modes=arguments.mode or list(Mode),
            rounds=max(1, arguments.rounds),
            seconds=arguments.seconds,
        )
    sys.stdout.write("\n".join([*describe(redis_version()), "", *describe_all(found)]) + "\n")
    return int(any(median(ratios(each, latencies)) > AIM for each in found for latencies in _READ))


if __name__ == "__main__":
    sys.exit(main())
