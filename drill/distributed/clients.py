"""Clients of the drill: subscribers that resume with their cursor, and one that queries.

Each reconnects by itself, as the libraries do, and judges all that it sees.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import httpx
from websockets.exceptions import WebSocketException

from drill.distributed.judgement import ClientState, Excuses, SeenEvent, SeenRate, judge_answer
from drill.graphql import GraphQLFailed, open_client, subscribed
from rates.source import Source

RATES = """
subscription Chaos($symbols: [Symbol!], $sources: [SourceId!], $after: String) {
  rates(symbols: $symbols, sources: $sources, after: $after, maxSilenceMs: 2000) {
    kind cursor recovered sentAt
    items { id price observedAt ttlMs freshness }
    unavailable { symbol source { code } reason }
  }
}
"""
ANSWERED = """
query Chaos($symbols: [Symbol!], $sources: [SourceId!]) {
  rates(symbols: $symbols, sources: $sources) { items { id price observedAt ttlMs freshness } }
}
"""
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT", "BTC/USD", "ETH/USD", "SOL/USD", "XRP/USD")
SOURCES = ("BINANCE", "KRAKEN", "COINGECKO")
VARIABLES = {"symbols": SYMBOLS, "sources": SOURCES}
# Libraries wait a second or more; these come back sooner, so that what they measure is the system's time.
RECONNECT_S = (0.2, 1.0)
QUERY_EVERY_S = 0.25
# A client that waits longer counts the query as failed. nginx tries another gateway after 15 s.
QUERY_TIMEOUT_S = 30.0
KEPT = 20
# `maxSilenceMs` of the subscription.
MAX_SILENCE_S = 2.0
CONNECTED_WITHIN_S = 60.0


@dataclass
class Sightings:
    """Observations of all clients since the step began."""

    misses: list[str] = field(default_factory=list)
    judged: int = 0
    events: int = 0
    ended: int = 0
    """Subscriptions that ended and had to be resumed."""
    queries: int = 0
    failed: int = 0
    """Queries without an answer."""

    def miss(self, what: str) -> None:
        """Record a violation."""
        if len(self.misses) < KEPT:
            self.misses.append(what)


class ResumingSubscriber:
    """One subscriber through nginx, for as long as the drill runs."""

    def __init__(self, url: str, clients: "Clients") -> None:
        self._url = url
        self._clients = clients
        self.state = ClientState()
        self.last_event_at = time.monotonic()
        self.longest_s = 0.0
        self._leave = asyncio.timeout(None)

    def reconnect(self) -> None:
        """Leave its gateway and resume, at the one with the fewest connections."""
        self._leave.reschedule(asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Subscribe, and resume after each end, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(None) as self._leave:
                    await self._subscribe()
            except GraphQLFailed as exc:
                self._clients.seen.miss(f"a subscription got a final answer: {exc}")
            except (OSError, TimeoutError, WebSocketException):
                pass
            if not self._leave.expired():
                self._clients.seen.ended += 1
            await asyncio.sleep(random.uniform(*RECONNECT_S))  # noqa: S311 - no secret

    async def _subscribe(self) -> None:
        variables = {**VARIABLES, "after": self.state.cursor}
        is_first = True
        async with subscribed(
            self._url, RATES, variables, ping_interval_s=None, open_timeout_s=None
        ) as events:
            async for data in events:
                event = cast(SeenEvent, data["rates"])
                self.note_silence()
                self.last_event_at = time.monotonic()
                self._clients.seen.events += 1
                self._clients.seen.judged += len(event["items"])
                found = self.state.take(
                    event, is_first=is_first, excuses=self._clients.excuses, now=time.time()
                )
                for violation in found:
                    self._clients.seen.miss(violation)
                is_first = False

    def note_silence(self) -> None:
        """Keep the longest time without an event since the step began."""
        since = max(self.last_event_at, self._clients.step_began_at)
        self.longest_s = max(self.longest_s, time.monotonic() - since)


@dataclass
class Clients:
    """All clients. `excuses` says what the present fault excuses."""

    url: str
    subscribers: list[ResumingSubscriber] = field(default_factory=list)
    seen: Sightings = field(default_factory=Sightings)
    excuses: Excuses = field(default_factory=Excuses)
    step_began_at: float = field(default_factory=time.monotonic)
    gaps_before: int = 0

    def begin_step(self, excuses: Excuses) -> None:
        """Start the counts of a step."""
        self.seen, self.excuses = Sightings(), excuses
        self.step_began_at = time.monotonic()
        self.gaps_before = self._all_gaps()
        for each in self.subscribers:
            each.longest_s = 0.0

    @property
    def gaps(self) -> int:
        """GAPs of the step."""
        return self._all_gaps() - self.gaps_before

    def longest_s(self) -> float:
        """Return the longest time of the step for which a subscriber had no event."""
        for each in self.subscribers:
            each.note_silence()
        return max(each.longest_s for each in self.subscribers)

    def all_heard_since(self, moment: float) -> bool:
        """Whether every subscriber has had an event since a monotonic time."""
        return all(each.last_event_at > moment for each in self.subscribers)

    def all_heard_lately(self) -> bool:
        """Whether no subscriber misses an event for twice the silence that it allows."""
        return self.all_heard_since(time.monotonic() - 2 * MAX_SILENCE_S)

    def all_observed_since(self, source: Source, moment: datetime) -> bool:
        """Whether all values of a source that subscribers hold were observed after a moment."""
        return all(
            datetime.fromisoformat(item["observedAt"]) > moment
            for each in self.subscribers
            for key, item in each.state.held.items()
            if key.startswith(f"Rate:{source.name}:")
        )

    async def query_forever(self) -> None:
        """Send a query several times a second, until cancelled."""
        async with open_client(self.url) as client:
            while True:
                await self._query(client)
                await asyncio.sleep(QUERY_EVERY_S)

    async def _query(self, client: httpx.AsyncClient) -> None:
        asked_at = time.time()
        self.seen.queries += 1
        try:
            answer = await client.post(
                "/graphql", json={"query": ANSWERED, "variables": VARIABLES}, timeout=QUERY_TIMEOUT_S
            )
            body: dict[str, Any] = answer.json()
            items = cast(list[SeenRate], body["data"]["rates"]["items"])
        except (httpx.TransportError, ValueError, KeyError, TypeError):
            self.seen.failed += 1
            return
        self.seen.judged += len(items)
        for violation in judge_answer(items, asked_at):
            self.seen.miss(violation)

    def _all_gaps(self) -> int:
        return sum(each.state.gaps for each in self.subscribers)


@asynccontextmanager
async def connected_clients(url: str, count: int) -> AsyncIterator[Clients]:
    """So many subscribers that have had their first event, and a client that queries."""
    clients = Clients(url)
    clients.subscribers += [ResumingSubscriber(url, clients) for _ in range(count)]
    began = time.monotonic()
    tasks = _start([clients.query_forever(), *(each.run() for each in clients.subscribers)])
    try:
        async with asyncio.timeout(CONNECTED_WITHIN_S):
            while not clients.all_heard_since(began):  # noqa: ASYNC110 - other processes
                await asyncio.sleep(QUERY_EVERY_S)
        yield clients
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _start(work: Iterable[Coroutine[Any, Any, None]]) -> list["asyncio.Task[None]"]:
    return [asyncio.create_task(each) for each in work]
