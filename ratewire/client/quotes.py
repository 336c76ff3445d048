"""The newest rate of each instrument, from the events of `rates`. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypedDict

EXPIRED_AFTER_TTLS = 10


class WatchedSource(TypedDict):
    """The source of a rate."""

    code: str


class WatchedRate(TypedDict):
    """One rate in an event, as `ratewire watch` selects it."""

    id: str
    symbol: str
    source: WatchedSource
    price: str
    changePercent24h: str | None
    observedAt: str
    ttlMs: int
    freshness: str
    simulated: bool


class WatchedGap(TypedDict):
    """One entry of `unavailable` in an event."""

    symbol: str
    source: WatchedSource | None
    reason: str
    message: str


class WatchedEvent(TypedDict):
    """One event of `rates`, as `ratewire watch` selects it."""

    kind: str
    sentAt: str
    recovered: bool | None
    items: list[WatchedRate]
    unavailable: list[WatchedGap]


@dataclass(frozen=True, slots=True)
class Quote:
    """One rate; `direction` is 1 or -1 if the price rose or fell at `moved_at`, else 0."""

    symbol: str
    source: str
    price: str
    change_percent_24h: str | None
    observed_at: datetime
    ttl: timedelta
    direction: int
    moved_at: datetime | None

    def freshness_at(self, now: datetime) -> str:
        """Return FRESH, STALE or EXPIRED by the server's rule."""
        age = now - self.observed_at
        if age <= self.ttl:
            return "FRESH"
        return "STALE" if age <= EXPIRED_AFTER_TTLS * self.ttl else "EXPIRED"


class Quotes:
    """The state of one subscription; apply its events in order."""

    def __init__(self) -> None:
        self._quotes: dict[str, Quote] = {}
        self.unavailable: dict[tuple[str, str | None], str] = {}
        self.simulated = False
        self.recovered: bool | None = None
        self._ahead = timedelta()

    def __iter__(self) -> Iterator[Quote]:
        return iter(sorted(self._quotes.values(), key=lambda quote: (quote.symbol, quote.source)))

    def apply(self, event: WatchedEvent, now: datetime) -> None:
        """Apply one event that arrived at `now`."""
        self._ahead = parse_time(event["sentAt"]) - now
        if event["kind"] == "SNAPSHOT":
            self.recovered = event["recovered"]
            if not event["recovered"]:
                self._quotes.clear()
            self.unavailable.clear()
        for item in event["items"]:
            self._take(item, now)
        for missing in event["unavailable"]:
            source = None if missing["source"] is None else missing["source"]["code"]
            self._drop(missing["symbol"], source)
            self.unavailable[missing["symbol"], source] = missing["message"]

    def server_time(self, now: datetime) -> datetime:
        """Return the server's time at our `now`; ages use it, so a wrong local clock does no harm."""
        return now + self._ahead

    def _take(self, item: WatchedRate, now: datetime) -> None:
        before = self._quotes.get(item["id"])
        direction, moved_at = (0, None) if before is None else (before.direction, before.moved_at)
        if before is not None and (turn := _compare(item["price"], before.price)):
            direction, moved_at = turn, now
        self._quotes[item["id"]] = Quote(
            symbol=item["symbol"],
            source=item["source"]["code"],
            price=item["price"],
            change_percent_24h=item["changePercent24h"],
            observed_at=parse_time(item["observedAt"]),
            ttl=timedelta(milliseconds=item["ttlMs"]),
            direction=direction,
            moved_at=moved_at,
        )
        self.simulated = self.simulated or item["simulated"]
        for key in ((item["symbol"], item["source"]["code"]), (item["symbol"], None)):
            self.unavailable.pop(key, None)

    def _drop(self, symbol: str, source: str | None) -> None:
        for identity, quote in tuple(self._quotes.items()):
            if quote.symbol == symbol and source in (None, quote.source):
                del self._quotes[identity]


def parse_time(text: str) -> datetime:
    """Parse a time as the API prints it."""
    return datetime.fromisoformat(text)


def _compare(price: str, before: str) -> int:
    return int(Decimal(price).compare(Decimal(before)))
