"""Subscribers of all rates: one that stays, others that leave and resume.

Every received value is judged.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TypedDict, cast

from websockets.exceptions import WebSocketException

from drill.graphql import GraphQLFailed, SourceItem, subscribed
from drill.published_prices import PublishedPrices

RATES = """
subscription Drill($after: String, $sources: [SourceId!]) {
  rates(sources: $sources, after: $after, maxSilenceMs: 2000) {
    kind cursor recovered sentAt
    items { id symbol source { code } price observedAt ttlMs ageMs freshness }
    unavailable { symbol source { code } reason message }
  }
}
"""
# Added to the time to live: transport through the system, and CoinGecko's CDN cache.
IN_TRANSIT_S = 4.0
# Freshness is computed slightly before the event's `sentAt`.
SENT_AT_TOLERANCE_MS = 250
MISSES_KEPT = 100

SymbolNames = Mapping[str, Mapping[str, str]]


class RateItem(TypedDict):
    """A rate of the subscription, as the gateway encodes it."""

    id: str
    symbol: str
    source: SourceItem
    price: str
    observedAt: str
    ttlMs: int
    ageMs: int
    freshness: str


class UnavailableItem(TypedDict):
    """A missing rate of the subscription."""

    symbol: str
    source: SourceItem | None
    reason: str
    message: str


class RatesPayload(TypedDict):
    """One event of the subscription."""

    kind: str
    cursor: str
    recovered: bool | None
    sentAt: str
    items: list[RateItem]
    unavailable: list[UnavailableItem]


@dataclass(frozen=True, slots=True)
class HeldRate:
    """A rate as a subscriber holds it."""

    observed_at: datetime
    price: Decimal
    expires_at: float


@dataclass
class DrillSubscriber:
    """All subscribers of the drill with their rates and failures.

    `names` maps symbols to each source's spelling.
    """

    url: str
    published: PublishedPrices
    names: SymbolNames
    clock: Callable[[], float] = time.time
    values: dict[str, HeldRate] = field(default_factory=dict)
    unavailable: dict[tuple[str, str], str] = field(default_factory=dict)
    judged: int = 0
    misses: list[str] = field(default_factory=list)

    async def stay_subscribed(self, started: asyncio.Event) -> None:
        """Hold one subscription until cancelled; its end is a failure."""
        async with subscribed(self.url, RATES) as events:
            async for data in events:
                self.judge_event(_rates(data), self.values)
                started.set()
        self.miss("the subscription that stays ended")

    def judge_event(self, event: RatesPayload, into: dict[str, HeldRate]) -> None:
        """Judge an event and store its values."""
        for item in event["items"]:
            self._judge(item, event["sentAt"])
            value = _value(item)
            held = into.get(item["id"])
            if held is not None and value.observed_at < held.observed_at:
                self.miss(f"{item['id']}: {value.observed_at} came after {held.observed_at}")
            into[item["id"]] = value
            self.unavailable.pop((item["source"]["code"], item["symbol"]), None)
        for gone in event["unavailable"]:
            if gone["source"] is not None:
                source = gone["source"]["code"]
                self.unavailable[source, gone["symbol"]] = gone["reason"]
                if gone["reason"] == "NOT_TRADING":
                    into.pop(f"Rate:{source}:{gone['symbol']}", None)

    async def disconnect_and_resume(self, source: str, away: asyncio.Event, back: asyncio.Event) -> None:
        """Read a source until `away`, disconnect, and resume with the cursor at `back`.

        No value may be missing.
        """
        try:
            await self._disconnect_and_resume(source, away, back)
        except (GraphQLFailed, TimeoutError, WebSocketException) as error:
            self.miss(f"{source}: a subscriber could not resume: {error!r}")

    async def _disconnect_and_resume(self, source: str, away: asyncio.Event, back: asyncio.Event) -> None:
        held: dict[str, HeldRate] = {}
        cursor = ""
        async with subscribed(self.url, RATES, {"sources": [source]}) as events:
            async for data in events:
                self.judge_event(_rates(data), held)
                cursor = _rates(data)["cursor"]
                if away.is_set():
                    break
        await back.wait()
        known = {key: value for key, value in self.values.items() if key.startswith(f"Rate:{source}:")}
        async with subscribed(self.url, RATES, {"sources": [source], "after": cursor}) as events:
            async with asyncio.timeout(10):
                async for data in events:
                    event = _rates(data)
                    self.judge_event(event, held)
                    if event["kind"] == "SNAPSHOT":
                        break
        for key, value in known.items():
            resumed = held.get(key)
            if key in self.values and (resumed is None or resumed.observed_at < value.observed_at):
                self.miss(f"{key}: lost between cursor and resuming: {resumed} instead of {value}")

    def miss(self, what: str) -> None:
        """Record a violation of the contract."""
        if len(self.misses) < MISSES_KEPT:
            self.misses.append(what)

    def observed_since(self, source: str, unix_time: float) -> int:
        """Count the rates of a source that were observed after a Unix time."""
        return sum(
            key.startswith(f"Rate:{source}:") and value.observed_at.timestamp() >= unix_time
            for key, value in self.values.items()
        )

    def is_fresh(self, source: str, symbol: str) -> bool:
        """Whether the permanent subscriber holds a fresh value."""
        value = self.values.get(f"Rate:{source}:{symbol}")
        return value is not None and self.clock() <= value.expires_at

    def _judge(self, item: RateItem, sent_at: str) -> None:
        self.judged += 1
        age_ms = (_time(sent_at) - _time(item["observedAt"])).total_seconds() * 1000
        if item["freshness"] == "FRESH" and age_ms > item["ttlMs"] + SENT_AT_TOLERANCE_MS:
            self.miss(f"{item['id']}: FRESH at an age of {age_ms:.0f} ms, ttl {item['ttlMs']} ms")
        if item["freshness"] == "FRESH":
            self._judge_price(item)

    def _judge_price(self, item: RateItem) -> None:
        source = item["source"]["code"].lower()
        symbol = self.names.get(source, {}).get(item["symbol"])
        published_at = (
            None if symbol is None else self.published.last_published(source, symbol, Decimal(item["price"]))
        )
        if published_at is None:
            self.miss(f"{item['id']}: the simulator never published {item['price']}")
        elif self.clock() - published_at > item["ttlMs"] / 1000 + IN_TRANSIT_S:
            self.miss(f"{item['id']}: FRESH, but last published {self.clock() - published_at:.1f} s ago")


def _value(item: RateItem) -> HeldRate:
    observed_at = _time(item["observedAt"])
    return HeldRate(observed_at, Decimal(item["price"]), observed_at.timestamp() + item["ttlMs"] / 1000)


def _rates(data: Mapping[str, object]) -> RatesPayload:
    return cast(RatesPayload, data["rates"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
