"""Polls the gateway's `sources` query."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypedDict, cast

import httpx

from drill.graphql import SourceItem, ask, open_client

STATUS = """
{ sources { source { code } state reason refusedCount reconnectCount trackedCount freshCount haltedCount silent silentCount tickersPerMinute } }
"""
POLL_INTERVAL_S = 0.2


class SourceRow(TypedDict):
    """A source of the query, as the gateway encodes it."""

    source: SourceItem
    state: str
    reason: str | None
    refusedCount: int
    reconnectCount: int
    trackedCount: int
    freshCount: int
    haltedCount: int
    silent: list[str]


@dataclass(frozen=True, slots=True)
class ObservedHealth:
    """One source's health at one poll."""

    at: float
    state: str
    reason: str | None
    refused: int
    reconnects: int
    tracked: int
    fresh: int
    halted: int
    silent: tuple[str, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether the source is UP and all its instruments are fresh."""
        return self.state == "UP" and self.fresh == self.tracked and self.halted == 0


class HealthMonitor:
    """The latest health of every source; failed polls are reported to `miss`."""

    def __init__(self, url: str, miss: Callable[[str], None]) -> None:
        self._url = url
        self._miss = miss
        self._health: dict[str, ObservedHealth] = {}
        self._polled = asyncio.Condition()

    async def wait_until_ready(self) -> None:
        """Wait until the gateway listens and is ready. It refuses connections before."""
        async with open_client(self._url) as client:
            while True:
                with suppress(httpx.ConnectError):
                    if (await client.get("/health/ready")).is_success:
                        return
                await asyncio.sleep(POLL_INTERVAL_S)

    async def run(self) -> None:
        """Poll until cancelled."""
        async with open_client(self._url) as client:
            while True:
                await self._poll(client)
                await asyncio.sleep(POLL_INTERVAL_S)

    async def _poll(self, client: httpx.AsyncClient) -> None:
        try:
            data = await ask(client, STATUS)
        except httpx.TransportError as error:
            self._miss(f"sources could not be read: {error!r}")
            return
        async with self._polled:
            self._health = {
                each["source"]["code"].lower(): _parse_health(each)
                for each in cast(list[SourceRow], data["sources"])
            }
            self._polled.notify_all()

    async def next(self, source: str) -> ObservedHealth:
        """Wait for the next poll and return a source's health."""
        async with self._polled:
            await self._polled.wait()
            return self._health[source]


def _parse_health(each: SourceRow) -> ObservedHealth:
    return ObservedHealth(
        time.monotonic(),
        each["state"],
        each["reason"],
        each["refusedCount"],
        each["reconnectCount"],
        each["trackedCount"],
        each["freshCount"],
        each["haltedCount"],
        tuple(each["silent"]),
    )
