"""The effect of a greedy key on another one: `python -m bench.fairness URL`, by hand.

A running gateway needs a small plan for the greedy key, for example

    RATEWIRE_ACCESS_PLANS={"greedy": {"points": 60000}}

and two keys, of which `RATEWIRE_BENCH_KEYS` has the texts, the greedy one first. That key asks at a hundred times its budget, from a
process of its own, in every second round. The other one asks 50 times a second in all rounds. Give gateway and script a core each
(`taskset`): otherwise the script's own work is measured, too.
"""

import asyncio
import multiprocessing
import os
import statistics
import sys
import time
from math import ceil
from typing import Any

import httpx

from bench.keys import VARIABLE

ROUNDS, ROUND_S = 9, 10.0
TIMES = 100
# Requests a second of the other key.
PACE = 50
# A refusal takes so long: a connection makes ten a second.
REFUSAL_S = 0.1
TIMEOUT_S = 10.0
QUERY = '{ rate(symbol: "BTC/USDT") { price } }'
BUDGET = "query ($document: String!) { budget { limit windowSeconds } cost(document: $document) { points } }"


def connect(url: str, key: str, connections: int) -> httpx.AsyncClient:
    """Return a client of the gateway that asks with a key."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.AsyncClient(
        base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=TIMEOUT_S, limits=limits
    )


async def post(client: httpx.AsyncClient, query: str, **variables: str) -> httpx.Response:
    """Send one query."""
    return await client.post("/graphql", json={"query": query, "variables": variables})


async def read_rate(url: str, key: str) -> float:
    """Return the requests a second that are a hundred times the budget of a key."""
    async with connect(url, key, 1) as client:
        answer = await post(client, BUDGET, document=QUERY)
    if answer.status_code != 200:
        raise SystemExit(
            f"the gateway answered {answer.status_code}: expected one that is ready, and its key"
        )
    data: dict[str, Any] = answer.json()["data"]
    budget = data["budget"]
    if budget["limit"] is None:
        raise SystemExit("the first key has no budget: expected one of a small plan")
    return TIMES * float(budget["limit"]) / float(budget["windowSeconds"]) / float(data["cost"]["points"])


async def be_greedy(url: str, key: str, connections: int) -> None:
    """Ask on all connections, one question after the other, for ever."""
    async with connect(url, key, connections) as client, asyncio.TaskGroup() as tasks:

        async def go_on() -> None:
            while True:
                await post(client, QUERY)

        for _ in range(connections):
            tasks.create_task(go_on())


async def measure(url: str, key: str) -> list[float]:
    """Ask at a steady pace for a round, and return how long each answer took, in milliseconds.

    Times count from when a request is due: what waits for others counts.
    """
    taken: list[float] = []

    async def one(client: httpx.AsyncClient, due_s: float) -> None:
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        answer = await post(client, QUERY)
        if answer.status_code != 200:
            raise SystemExit(f"the other key got {answer.status_code}: expected a plan that is never spent")
        taken.append(1000 * (time.monotonic() - due_s))

    async with connect(url, key, PACE) as client, asyncio.TaskGroup() as tasks:
        start_s = time.monotonic() + 0.1
        for number in range(round(PACE * ROUND_S)):
            tasks.create_task(one(client, start_s + number / PACE))
    return taken


def greedy_process(url: str, key: str, connections: int) -> None:
    """Run the greedy client until the process is ended."""
    asyncio.run(be_greedy(url, key, connections))


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of all is."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main(arguments: list[str]) -> int:
    """Measure alternately without and with the greedy key, and print p50 and p99 of each round."""
    keys = os.environ.get(VARIABLE, "").split()
    if len(arguments) != 1 or len(keys) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    url, (greedy, other) = arguments[0], keys
    per_s = asyncio.run(read_rate(url, greedy))
    connections = ceil(per_s * REFUSAL_S * 1.2)
    sys.stdout.write(f"greedy: {per_s:.0f} requests/s from {connections} connections\n")
    ratios: list[float] = []
    for number in range(ROUNDS):
        alone = percentile(first := asyncio.run(measure(url, other)), 0.99)
        process = multiprocessing.Process(target=greedy_process, args=(url, greedy, connections), daemon=True)
        process.start()
        try:
            beside = percentile(second := asyncio.run(measure(url, other)), 0.99)
        finally:
            process.terminate()
            process.join()
        ratios.append(beside / alone)
        medians = f"p50 {percentile(first, 0.5):.2f} -> {percentile(second, 0.5):.2f} ms"
        sys.stdout.write(
            f"round {number + 1}: {medians}, p99 {alone:.2f} -> {beside:.2f} ms, {ratios[-1]:.2f}\n"
        )
    sys.stdout.write(f"median of the ratios of p99: {statistics.median(ratios):.2f} (aim: at most 1.20)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
