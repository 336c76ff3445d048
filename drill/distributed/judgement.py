"""Rules that no client of the distributed form may see broken. Pure; times are arguments.

Freshness is computed anew from `observedAt`, `ttlMs` and the true time; cursors are proved by what follows them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict

from drill.graphql import SourceItem

# Machine and Redis count as agreeing within a second (decision 37), and ages are whole milliseconds.
CLOCK_TOLERANCE_S = 1.5
# An event may be on its way for so long on a busy machine, unless a fault holds it up.
IN_TRANSIT_S = 5.0


class SeenRate(TypedDict):
    """A rate of a query or subscription."""

    id: str
    price: str
    observedAt: str
    ttlMs: int
    freshness: str


class SeenGone(TypedDict):
    """A rate that is not available."""

    symbol: str
    source: SourceItem | None
    reason: str


class SeenEvent(TypedDict):
    """One event of a subscription."""

    kind: str
    cursor: str
    recovered: bool | None
    sentAt: str
    items: list[SeenRate]
    unavailable: list[SeenGone]


@dataclass
class Excuses:
    """Effects that the active fault excuses."""

    held_up_s: float = 0.0
    """Seconds for which it holds up bytes on their way to clients."""
    loses_cache: bool = False
    """The cache loses its contents: GAPs are right, and values may come twice."""


@dataclass
class ClientState:
    """The values and the cursor that one client holds."""

    held: dict[str, SeenRate] = field(default_factory=dict)
    cursor: str | None = None
    resumes: int = 0
    gaps: int = 0

    def take(self, event: SeenEvent, *, is_first: bool, excuses: Excuses, now: float) -> Iterator[str]:
        """Judge an event and hold its values. Yields each violation."""
        yield from self._judge_start(event, is_first=is_first)
        after_gap = event["kind"] == "SNAPSHOT" and event["recovered"] is False
        resumed = event["kind"] == "SNAPSHOT" and event["recovered"] is True
        if event["kind"] == "GAP":
            self.gaps += 1
            if not excuses.loses_cache:
                yield "GAP, although the cache lost nothing"
        for item in event["items"]:
            held = self.held.get(item["id"])
            # A snapshot after a GAP replaces all values; it may be of a gateway that cannot reach the cache.
            if held is not None and not after_gap:
                if _time(item) < _time(held):
                    yield f"{item['id']}: {item['observedAt']} came after {held['observedAt']}"
                elif resumed and item == held and not excuses.loses_cache:
                    yield f"{item['id']} of {item['observedAt']} came twice, before and after resuming"
            age_s = now - _time(item).timestamp()
            allowed_s = item["ttlMs"] / 1000 + CLOCK_TOLERANCE_S + IN_TRANSIT_S + excuses.held_up_s
            if item["freshness"] == "FRESH" and age_s > allowed_s:
                yield f"{item['id']}: FRESH on arrival at an age of {age_s:.1f} s, ttl {item['ttlMs']} ms"
            self.held[item["id"]] = item
        for gone in event["unavailable"]:
            if gone["source"] is not None:
                self.held.pop(f"Rate:{gone['source']['code']}:{gone['symbol']}", None)
        self.cursor = event["cursor"]

    def _judge_start(self, event: SeenEvent, *, is_first: bool) -> Iterator[str]:
        """Judge how a subscription starts: a snapshot, or the proof of what was missed, or a GAP."""
        if not is_first:
            return
        if self.cursor is None:
            if event["kind"] != "SNAPSHOT":
                yield f"the first event is {event['kind']}, expected SNAPSHOT"
            return
        self.resumes += 1
        if event["kind"] != "GAP" and (event["kind"], event["recovered"]) != ("SNAPSHOT", True):
            yield (f"resumed with {event['kind']}, recovered {event['recovered']}: neither a proof nor a GAP")

    def missing(self, truth: Mapping[str, datetime]) -> list[str]:
        """Return the values of the cache that this client lacks, or holds older ones of."""
        found = []
        for key, observed_at in truth.items():
            held = self.held.get(key)
            if held is None:
                found.append(f"{key} of {observed_at.isoformat()} never came")
            elif _time(held) < observed_at:
                found.append(f"{key}: holds {held['observedAt']}, the cache has {observed_at.isoformat()}")
        return found


def judge_answer(items: list[SeenRate], asked_at: float) -> Iterator[str]:
    """Yield each rate called FRESH that was stale when the query was sent (Unix time)."""
    for item in items:
        age_s = asked_at - _time(item).timestamp()
        if item["freshness"] == "FRESH" and age_s > item["ttlMs"] / 1000 + CLOCK_TOLERANCE_S:
            yield f"{item['id']}: FRESH in an answer at an age of {age_s:.1f} s, ttl {item['ttlMs']} ms"


def _time(item: SeenRate) -> datetime:
    return datetime.fromisoformat(item["observedAt"])
