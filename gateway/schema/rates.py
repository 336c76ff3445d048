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
    name="Rate", description="The last rate that a source published for an instrument, with its age."
)
class RateType(Node):
    id: strawberry.ID = described("Globally unique, e.g. `Rate:BINANCE:BTC/USDT`.")
    symbol: Symbol = described("The symbol, e.g. BTC/USDT.")
    base: AssetCode = described("The base asset, which the price is of.")
    quote: AssetCode = described("The quote asset, which the price is in.")
    source: SourceType = described("The source that published the rate.")
    price: Decimal = described("The price of the last trade: one unit of base in units of quote.")
    bid: Decimal | None = described(
        "The highest price that buyers offer; null if the source does not publish it."
    )
    ask: Decimal | None = described(
        "The lowest price that sellers ask; null if the source does not publish it."
    )
    bid_size: Decimal | None = described(
        "The units of base that buyers want at `bid`; null if the source does not publish it."
    )
    ask_size: Decimal | None = described(
        "The units of base that sellers offer at `ask`; null if the source does not publish it."
    )
    mid: Decimal | None = described("The exact mean of `bid` and `ask`; null without both.")
    spread_bps: float | None = described(
        "The distance from `bid` to `ask` in basis points (1/100 %) of `mid`; null without both, negative in a crossed book."
    )
    quoted_at: datetime | None = described(
        "The time at which the source published `bid` and `ask`; null without them. Both are null while their channel is "
        "silent."
    )
    last_trade_at: datetime | None = described(
        "The time of the trade at `price`; null if the source does not publish it. It can be much older than `observedAt`, when "
        "the source last published the price."
    )
    open_24h: Decimal | None = described(
        "The price 24 hours ago; null if the source does not publish it.", name="open24h"
    )
    change_percent_24h: Decimal | None = described(
        "The change of the price over 24 hours in percent, as the source publishes it, or computed from `open24h` if the source "
        "publishes only that (Coinbase, OKX).",
        name="changePercent24h",
    )
    high_24h: Decimal | None = described(
        "The highest price of the last 24 hours; null if the source does not publish it.", name="high24h"
    )
    low_24h: Decimal | None = described(
        "The lowest price of the last 24 hours; null if the source does not publish it.", name="low24h"
    )
    volume_24h: Decimal | None = described(
        "The units of base traded in the last 24 hours; null if the source does not publish it.",
        name="volume24h",
    )
    quote_volume_24h: Decimal | None = described(
        "The units of quote traded in the last 24 hours; null if the source does not publish it.",
        name="quoteVolume24h",
    )
    observed_at: datetime = described(
        "The time of the price at the source. Age and freshness are counted from it."
    )
    observed_at_origin: ObservedAtOrigin = described("The origin of `observedAt`.")
    received_at: datetime = described("The time at which the rate arrived here.")
    age_ms: int = described(
        "Milliseconds from `observedAt` to the time of the answer, rounded up; never negative."
    )
    ttl_ms: int = described("The TTL of the source: the milliseconds for which its rates are FRESH.")
    expires_at: datetime = described(
        "The end of the time in which the rate is FRESH. It is STALE after that, and EXPIRED after `observedAt` + 10 * `ttlMs`. "
        "Clients compute the freshness of a rate that they hold from it."
    )
    freshness: Freshness = described("The freshness at the time of the answer.")
    merged_upstream_count: int = described(
        "The number of earlier updates that this one replaced before it reached the gateways. Push feeds write the newest value "
        "of each instrument at most every 100 ms."
    )
    simulated: bool = described(
        "Whether the rate comes from the bundled simulator instead of a real exchange."
    )
    instrument: InstrumentType | None = strawberry.field(
        resolver=_instrument, description="The instrument; null if it is no longer tracked."
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


@strawberry.type(name="UnavailableRate", description="A requested symbol without a rate.")
class UnavailableRateType:
    symbol: Symbol = described("The requested symbol.")
    source: SourceType | None = described(
        "The source without a rate; null if the reason concerns all requested sources."
    )
    reason: UnavailableReason = described("The reason.")
    message: str = described("The reason in words, for people, with near matches of an unknown symbol.")

    @classmethod
    def of(cls, value: rate.UnavailableRate) -> Self:
        return cls(
            symbol=value.symbol,
            source=None if value.source is None else to_source(value.source),
            reason=value.reason,
            message=value.message,
        )


@strawberry.type(name="RateList", description="The requested rates, and the requested symbols without one.")
class RateListType:
    items: list[RateType] = described("The rates, in the order of the requested symbols and sources.")
    unavailable: list[UnavailableRateType] = described(
        "The requested symbols without a rate; with `sources`, one entry for each pair of symbol and source."
    )
    cursor: str = described(
        "The position of this answer in the stream of updates, an opaque text. Pass it to the subscription `rates` as `after`."
    )
    sent_at: datetime = described("The time of the answer. All ages are relative to it.")

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
    kind: EventKind = described("The kind of the event.")
    items: list[RateType] = described(
        "On a SNAPSHOT: the requested rates; with `recovered: true`, only those that have changed since `after`. On an UPDATE: "
        "the newest rate of each instrument that has changed."
    )
    unavailable: list[UnavailableRateType] = described(
        "On a SNAPSHOT: the requested symbols without a rate. On an UPDATE: those that are no longer tracked or traded; drop "
        "their rates. A symbol that is in `items` later is available again."
    )
    cursor: str = described(
        "The position of this event in the stream of updates, an opaque text. Pass it as `after` to resume the same "
        "subscription. It covers only updates that were sent."
    )
    conflated_count: int = described("The number of updates since the last event that newer values replaced.")
    throttled: bool = described(
        "Whether there is at most one event a second, because your budget of streams is spent."
    )
    recovered: bool | None = described(
        "On a SNAPSHOT with `after`: whether the gateway knows all that has changed since. Null without `after`, and on other "
        "events."
    )
    sent_at: datetime = described("The time of the event. All ages are relative to it.")

    @classmethod
    def of(cls, value: events.RatesEvent) -> Self:
        return cls(
            kind=value.kind,
            items=[RateType.of(each) for each in value.items],
            unavailable=[UnavailableRateType.of(each) for each in value.unavailable],
            cursor=value.cursor,
            conflated_count=value.conflated_count,
            throttled=value.throttled,
            recovered=value.recovered,
            sent_at=value.sent_at,
        )
