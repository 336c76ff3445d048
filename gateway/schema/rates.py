"""The GraphQL types of rates: alone, in lists, in events."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Self

import strawberry

from gateway.queries import rate
from gateway.queries.freshness import Freshness
from gateway.queries.price_basis import mid, spread_bps
from gateway.queries.rate import UnavailableReason
from gateway.schema.context import Info
from gateway.schema.field import described
from gateway.schema.global_id import rate_id
from gateway.schema.instruments import InstrumentType
from gateway.schema.node import Node
from gateway.schema.scalars import AssetCode, clamp
from gateway.schema.source import SourceType, to_source
from gateway.subscriptions import event as events
from gateway.subscriptions.event import EventKind
from rates.source import ObservedAtOrigin
from rates.symbol import Symbol
from rates.ticker import TickerKey

# Digits that floats distinguish; comparisons are exact.
BPS_DIGITS = 6


def _instrument(root: "RateType", info: Info) -> InstrumentType | None:
    found = info.context.catalog.find(TickerKey(root.source.code, root.symbol))
    return None if found is None else InstrumentType.of(found)


@strawberry.type(
    name="Rate", description="What one source last published for one instrument, and how old that is."
)
class RateType(Node):
    id: strawberry.ID = described("Globally unique, e.g. `Rate:BINANCE:BTC/USDT`.")
    symbol: Symbol = described("The instrument.")
    base: AssetCode = described("The asset that is priced.")
    quote: AssetCode = described("The asset that it is priced in.")
    source: SourceType = described("The source that published it.")
    price: Decimal = described("Price of the last trade: one unit of base in units of quote.")
    bid: Decimal | None = described("Best price that buyers offer, where the source publishes it.")
    ask: Decimal | None = described("Best price that sellers ask, where the source publishes it.")
    bid_size: Decimal | None = described("Units of base offered at `bid`, where the source publishes it.")
    ask_size: Decimal | None = described("Units of base asked at `ask`, where the source publishes it.")
    mid: Decimal | None = described("The exact middle of `bid` and `ask`; null without both.")
    spread_bps: float | None = described(
        "Distance from `bid` to `ask` in basis points (1/100 %) of `mid`; null without both, negative in a crossed book."
    )
    quoted_at: datetime | None = described(
        "When the source published `bid` and `ask`; null without them. Each of them is null where its channel fell silent."
    )
    last_trade_at: datetime | None = described(
        "When the trade at `price` took place; null where the source does not tell. It can be much older than `observedAt`, at which the "
        "source still said that it was the last."
    )
    open_24h: Decimal | None = described("Price 24 hours ago, where the source publishes it.", name="open24h")
    change_percent_24h: Decimal | None = described(
        "Change of the price over 24 hours in percent, as the source publishes it, or from `open24h` where it publishes only that "
        "(Coinbase, OKX).",
        name="changePercent24h",
    )
    high_24h: Decimal | None = described(
        "Highest price of the last 24 hours, where the source publishes it.", name="high24h"
    )
    low_24h: Decimal | None = described(
        "Lowest price of the last 24 hours, where the source publishes it.", name="low24h"
    )
    volume_24h: Decimal | None = described(
        "Units of base traded during the last 24 hours, where the source publishes it.", name="volume24h"
    )
    quote_volume_24h: Decimal | None = described(
        "Units of quote traded during the last 24 hours, where the source publishes it.",
        name="quoteVolume24h",
    )
    observed_at: datetime = described("When the source observed it. Age and freshness run from here.")
    observed_at_origin: ObservedAtOrigin = described("Whose clock `observedAt` is.")
    received_at: datetime = described("When it reached us.")
    age_ms: int = described(
        "Milliseconds since `observedAt` at the time of the answer, rounded up; never negative."
    )
    ttl_ms: int = described("Milliseconds for which a rate of this source is FRESH.")
    expires_at: datetime = described(
        "Last moment at which it is FRESH: lets you recompute the freshness of what you hold. It is STALE after that, and EXPIRED "
        "after `observedAt` + 10 x `ttlMs`."
    )
    freshness: Freshness = described("What its age makes it at the time of the answer.")
    merged_upstream_count: int = described(
        "Earlier updates of the source that this one replaced before it was published to gateways: push feeds write at most every "
        "100 ms, the newest value of each instrument."
    )
    simulated: bool = described("Whether the bundled simulator made it up: no real exchange published it.")
    instrument: InstrumentType | None = strawberry.field(
        resolver=_instrument, description="Its instrument; null where it is no longer tracked."
    )

    @classmethod
    def of(cls, value: rate.Rate) -> Self:
        return cls(**{name: read(value) for name, read in READ_RATE.items()})


def _read_id(value: rate.Rate) -> strawberry.ID:
    return strawberry.ID(rate_id(value.ticker.source, value.ticker.symbol))


def _read_source(value: rate.Rate) -> SourceType:
    return to_source(value.ticker.source)


def _read_age_ms(value: rate.Rate) -> int:
    return clamp(value.age_ms)


def _read_mid(value: rate.Rate) -> Decimal | None:
    return mid(value.ticker.bid, value.ticker.ask)


def _read_spread_bps(value: rate.Rate) -> float | None:
    spread = spread_bps(value.ticker.bid, value.ticker.ask)
    return None if spread is None else round(float(spread), BPS_DIGITS)


def _read_merged(value: rate.Rate) -> int:
    return clamp(value.ticker.merged)


READ_RATE: Mapping[str, Callable[[rate.Rate], Any]] = {
    "id": _read_id,
    "symbol": attrgetter("ticker.symbol"),
    "base": attrgetter("ticker.symbol.base"),
    "quote": attrgetter("ticker.symbol.quote"),
    "source": _read_source,
    "price": attrgetter("ticker.price"),
    "bid": attrgetter("ticker.bid"),
    "ask": attrgetter("ticker.ask"),
    "bid_size": attrgetter("ticker.bid_size"),
    "ask_size": attrgetter("ticker.ask_size"),
    "mid": _read_mid,
    "spread_bps": _read_spread_bps,
    "quoted_at": attrgetter("ticker.quoted_at"),
    "last_trade_at": attrgetter("ticker.last_trade_at"),
    "open_24h": attrgetter("ticker.open_24h"),
    "change_percent_24h": attrgetter("ticker.change_percent_24h"),
    "high_24h": attrgetter("ticker.high_24h"),
    "low_24h": attrgetter("ticker.low_24h"),
    "volume_24h": attrgetter("ticker.volume_24h"),
    "quote_volume_24h": attrgetter("ticker.quote_volume_24h"),
    "observed_at": attrgetter("ticker.observed_at"),
    "observed_at_origin": attrgetter("ticker.observed_at_origin"),
    "received_at": attrgetter("ticker.received_at"),
    "age_ms": _read_age_ms,
    "ttl_ms": attrgetter("ttl_ms"),
    "expires_at": attrgetter("expires_at"),
    "freshness": attrgetter("freshness"),
    "merged_upstream_count": _read_merged,
    "simulated": attrgetter("ticker.simulated"),
}
"""Where each field of a `Rate` comes from: whoever writes a few of them reads no more."""


@strawberry.type(name="UnavailableRate", description="A symbol that was asked for and is not answered.")
class UnavailableRateType:
    symbol: Symbol = described("The symbol that was asked for.")
    source: SourceType | None = described(
        "The source that cannot answer; null where it is about all sources asked."
    )
    reason: UnavailableReason = described("Why.")
    message: str = described("The same for people, with near matches for an unknown symbol.")

    @classmethod
    def of(cls, value: rate.UnavailableRate) -> Self:
        return cls(
            symbol=value.symbol,
            source=None if value.source is None else to_source(value.source),
            reason=value.reason,
            message=value.message,
        )


@strawberry.type(
    name="RateList", description="All rates that answer a question, and everything asked for that is missing."
)
class RateListType:
    items: list[RateType] = described("The rates, in the order in which symbols and sources were asked for.")
    unavailable: list[UnavailableRateType] = described(
        "Every symbol that was asked for and is not answered; where you name `sources`, for each of them."
    )
    cursor: str = described(
        "How far the cache had been read: pass it to the subscription `rates` as `after`. Opaque."
    )
    sent_at: datetime = described("When this answer was made. All ages are of this moment.")

    @classmethod
    def of(cls, value: rate.RateList) -> Self:
        return cls(
            items=[RateType.of(each) for each in value.items],
            unavailable=[UnavailableRateType.of(each) for each in value.unavailable],
            cursor=value.cursor,
            sent_at=value.sent_at,
        )


@strawberry.type(name="RatesEvent", description="One event of the `rates` subscription.")
class RatesEventType:
    kind: EventKind = described("What this event is.")
    items: list[RateType] = described("The newest value of everything that this event tells of.")
    unavailable: list[UnavailableRateType] = described(
        "On a SNAPSHOT: what was asked for and is not answered. On an UPDATE: what is tracked or traded no more, so drop it. Whatever "
        "comes in `items` later is available again."
    )
    cursor: str = described(
        "How far you have been told: pass it as `after` when you come back with the same question. It never claims what was "
        "held back. Opaque."
    )
    conflated_count: int = described(
        "Updates merged into this event since the last one, because newer values replaced them."
    )
    recovered: bool | None = described(
        "On a SNAPSHOT after `after`: whether nothing was missed. Null where it was not asked for."
    )
    sent_at: datetime = described("When this event was made.")

    @classmethod
    def of(cls, value: events.RatesEvent) -> Self:
        return cls(
            kind=value.kind,
            items=[RateType.of(each) for each in value.items],
            unavailable=[UnavailableRateType.of(each) for each in value.unavailable],
            cursor=value.cursor,
            conflated_count=value.conflated_count,
            recovered=value.recovered,
            sent_at=value.sent_at,
        )
