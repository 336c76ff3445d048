"""Object types, each made from a plain value of the gateway."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Self

import strawberry

from gateway import events, rate, source_health
from gateway.catalog import InstrumentPage
from gateway.events import RatesEventKind
from gateway.freshness import Freshness
from gateway.rate import UnavailableReason
from gateway.schema import enums as enums  # noqa: PLC0414 - registers the enums that the annotations name
from gateway.source_health import SourceState
from instruments import instrument
from instruments.listed import TradingStatus
from rates import health
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol

MAX_INT = 2**31 - 1


def _field(description: str, *, name: str | None = None) -> Any:
    return strawberry.field(description=description, name=name)


@strawberry.type(description="What one source last published for one instrument, and how old that is.")
class Rate:
    id: strawberry.ID = _field("Stable over time, e.g. `BINANCE:BTC/USDT`: client caches normalise on it.")
    symbol: Symbol = _field("The instrument.")
    base: str = _field("The asset that is priced.")
    quote: str = _field("The asset that it is priced in.")
    source: Source = _field("Who published it.")
    price: Decimal = _field("Price of one unit of base in units of quote.")
    bid: Decimal | None = _field("Best price that buyers offer, where the source publishes it.")
    ask: Decimal | None = _field("Best price that sellers ask, where the source publishes it.")
    change_percent_24h: Decimal | None = _field(
        "Change of the price over 24 hours in percent, where the source publishes it.",
        name="changePercent24h",
    )
    high_24h: Decimal | None = _field(
        "Highest price of the last 24 hours, where the source publishes it.", name="high24h"
    )
    low_24h: Decimal | None = _field(
        "Lowest price of the last 24 hours, where the source publishes it.", name="low24h"
    )
    volume_24h: Decimal | None = _field(
        "Units of base traded during the last 24 hours, where the source publishes it.", name="volume24h"
    )
    observed_at: datetime = _field("When the source observed it. Age and freshness run from here.")
    observed_at_origin: ObservedAtOrigin = _field("Whose clock `observedAt` is.")
    received_at: datetime = _field("When it reached us.")
    age_ms: int = _field(
        "Milliseconds since `observedAt` at the time of the answer, rounded up; never negative."
    )
    ttl_ms: int = _field("Milliseconds for which a rate of this source is FRESH.")
    expires_at: datetime = _field(
        "Last moment at which it is FRESH: lets you recompute the freshness of what you hold. It is STALE after that, and EXPIRED "
        "after `observedAt` + 10 x `ttlMs`."
    )
    freshness: Freshness = _field("What its age makes it at the time of the answer.")
    simulated: bool = _field("Whether the bundled simulator made it up: no real exchange published it.")

    @classmethod
    def of(cls, value: rate.Rate) -> Self:
        ticker = value.ticker
        return cls(
            id=strawberry.ID(value.id),
            symbol=ticker.symbol,
            base=ticker.symbol.base,
            quote=ticker.symbol.quote,
            source=ticker.source,
            price=ticker.price,
            bid=ticker.bid,
            ask=ticker.ask,
            change_percent_24h=ticker.change_percent_24h,
            high_24h=ticker.high_24h,
            low_24h=ticker.low_24h,
            volume_24h=ticker.volume_24h,
            observed_at=ticker.observed_at,
            observed_at_origin=ticker.observed_at_origin,
            received_at=ticker.received_at,
            age_ms=clamp(value.age_ms),
            ttl_ms=value.ttl_ms,
            expires_at=value.expires_at,
            freshness=value.freshness,
            simulated=ticker.simulated,
        )


@strawberry.type(description="A symbol that was asked for and is not answered.")
class UnavailableRate:
    symbol: Symbol = _field("The symbol that was asked for.")
    source: Source | None = _field("The source that cannot answer; null where it is about all sources asked.")
    reason: UnavailableReason = _field("Why.")
    message: str = _field("The same for people, with near matches for an unknown symbol.")

    @classmethod
    def of(cls, value: rate.UnavailableRate) -> Self:
        return cls(symbol=value.symbol, source=value.source, reason=value.reason, message=value.message)


@strawberry.type(description="All rates that answer a question, and everything asked for that is missing.")
class RateList:
    items: list[Rate] = _field("The rates, in the order in which symbols and sources were asked for.")
    unavailable: list[UnavailableRate] = _field(
        "Every symbol that was asked for and is not answered; where you name `sources`, for each of them."
    )
    cursor: str = _field(
        "How far the cache had been read: pass it to the subscription `rates` as `after`. Opaque."
    )

    @classmethod
    def of(cls, value: rate.RateList) -> Self:
        return cls(
            items=[Rate.of(each) for each in value.items],
            unavailable=[UnavailableRate.of(each) for each in value.unavailable],
            cursor=value.cursor,
        )


@strawberry.type(description="One event of the `rates` subscription.")
class RatesEvent:
    kind: RatesEventKind = _field("What this event is.")
    items: list[Rate] = _field("The newest value of everything that this event tells of.")
    unavailable: list[UnavailableRate] = _field(
        "On a SNAPSHOT: what was asked for and is not answered. On an UPDATE: what is tracked or traded no more, so drop it. Whatever "
        "comes in `items` later is available again."
    )
    cursor: str = _field(
        "How far you have been told: pass it as `after` when you come back with the same question. It never claims what was "
        "held back. Opaque."
    )
    conflated: int = _field(
        "Updates merged into this event since the last one, because newer values replaced them."
    )
    recovered: bool | None = _field(
        "On a SNAPSHOT after `after`: whether nothing was missed. Null where it was not asked for."
    )
    sent_at: datetime = _field("When this event was made.")

    @classmethod
    def of(cls, value: events.RatesEvent) -> Self:
        return cls(
            kind=value.kind,
            items=[Rate.of(each) for each in value.items],
            unavailable=[UnavailableRate.of(each) for each in value.unavailable],
            cursor=value.cursor,
            conflated=value.conflated,
            recovered=value.recovered,
            sent_at=value.sent_at,
        )


@strawberry.type(description="How many calls a source allows.")
class CallBudget:
    limit: int = _field("Calls allowed in the running window.")
    remaining: int = _field("Calls left in it.")
    resets_at: datetime = _field("When a call is certain to be free again.")
    monthly_limit: int | None = _field(
        "Calls of the calendar month (UTC) that are configured as the plan's quota; null where there is none. Calls are spread over "
        "what is left of the month."
    )
    monthly_remaining: int | None = _field("Calls of it that are left; null where there is none.")
    monthly_resets_at: datetime | None = _field("When it begins anew; null where there is none.")

    @classmethod
    def of(cls, value: health.CallBudgetState) -> Self:
        limit, remaining = value.monthly_limit, value.monthly_remaining
        return cls(
            limit=value.limit,
            remaining=value.remaining,
            resets_at=value.resets_at,
            monthly_limit=None if limit is None else clamp(limit),
            monthly_remaining=None if remaining is None else clamp(remaining),
            monthly_resets_at=value.monthly_resets_at,
        )


@strawberry.type(description="How a source is doing, and the figures behind that.")
class SourceStatus:
    source: Source = _field("The source.")
    state: SourceState = _field("How it is doing.")
    reason: str | None = _field("Why it is not UP, for people; null when it is.")
    last_ticker_at: datetime | None = _field("When its last newer rate reached us; null if none ever did.")
    lag_ms: int | None = _field("Milliseconds from observation to arrival of that rate; never negative.")
    skew_ms: int | None = _field(
        "Milliseconds by which that rate was observed after its arrival, as the source's clock is ahead of ours; 0 where it is not."
    )
    tickers_per_minute: int = _field("Newer rates that arrived during the last minute.")
    refused: int = _field(
        "Values that were not let in: not positive, not finite, or from the future. Counted by the processes that work with it "
        "now, each since its start."
    )
    reconnects: int = _field(
        "Sessions opened after the first. Counted by the processes that work with it now, each since its start."
    )
    budget: CallBudget | None = _field("The call budget; null where the source has none.")
    tracked: int = _field("Instruments tracked from it that it trades.")
    halted: int = _field(
        "Instruments tracked from it that it does not trade at the moment, by its own listing."
    )
    seen: int = _field("Those that it has published a rate for.")
    fresh: int = _field("Those whose rate is FRESH.")
    simulated: bool = _field("Whether the bundled simulator plays this source.")
    silent: list[Symbol] = _field(
        "Instruments that its push feed should be telling of and does not, or whose message only repeats: the first 50 by symbol. "
        "The others are not touched by it."
    )
    silent_count: int = _field("How many instruments are silent.")

    @classmethod
    def of(cls, value: source_health.SourceStatus) -> Self:
        return cls(
            source=value.source,
            state=value.state,
            reason=value.reason,
            last_ticker_at=value.last_ticker_at,
            lag_ms=None if value.lag_ms is None else clamp(value.lag_ms),
            skew_ms=None if value.skew_ms is None else clamp(value.skew_ms),
            tickers_per_minute=value.tickers_per_minute,
            refused=clamp(value.refused),
            reconnects=clamp(value.reconnects),
            budget=None if value.budget is None else CallBudget.of(value.budget),
            tracked=value.tracked,
            halted=value.halted,
            seen=value.seen,
            fresh=value.fresh,
            simulated=value.simulated,
            silent=list(value.silent),
            silent_count=value.silent_count,
        )


@strawberry.type(description="One symbol as one source publishes it.")
class Instrument:
    id: strawberry.ID = _field("Stable over time, the same as that of its rate, e.g. `BINANCE:BTC/USDT`.")
    symbol: Symbol = _field("The instrument.")
    base: str = _field("The asset that is priced.")
    quote: str = _field("The asset that it is priced in.")
    source: Source = _field("Who publishes it.")
    source_symbol: str = _field("The source's own spelling, e.g. `BTCUSDT` or `bitcoin`.")
    name: str = _field("Name of the base asset, for people.")
    status: TradingStatus = _field("Whether its source trades it. One that is HALTED is not answered.")
    source_status: str | None = _field("The source's own word for why it is halted; null while it trades.")
    halted_since: datetime | None = _field("When that was seen first; null while it trades.")

    @classmethod
    def of(cls, value: instrument.Instrument) -> Self:
        halt = value.halt
        return cls(
            id=strawberry.ID(f"{value.source.name}:{value.symbol}"),
            symbol=value.symbol,
            base=value.symbol.base,
            quote=value.symbol.quote,
            source=value.source,
            source_symbol=value.source_symbol,
            name=value.name,
            status=TradingStatus.TRADING if halt is None else TradingStatus.HALTED,
            source_status=None if halt is None else halt.word,
            halted_since=None if halt is None else halt.since,
        )


@strawberry.type(description="An instrument and its place in the list.")
class InstrumentEdge:
    cursor: str = _field("Place in the list: pass it as `after` to go on from here. Opaque.")
    node: Instrument = _field("The instrument.")


@strawberry.type(description="Where a page lies in the whole list.")
class PageInfo:
    has_next_page: bool = _field("Whether more instruments follow.")
    has_previous_page: bool = _field("Whether instruments precede.")
    start_cursor: str | None = _field("Cursor of the first instrument on the page; null if it is empty.")
    end_cursor: str | None = _field("Cursor of the last instrument on the page; null if it is empty.")


@strawberry.type(description="A page of the tracked instruments, by symbol and source.")
class InstrumentConnection:
    edges: list[InstrumentEdge] = _field("The instruments with their places.")
    nodes: list[Instrument] = _field("The instruments alone.")
    page_info: PageInfo = _field("Where this page lies in the whole list.")
    total_count: int = _field("How many instruments match on all pages.")

    @classmethod
    def of(cls, value: InstrumentPage) -> Self:
        nodes = [Instrument.of(each) for each in value.instruments]
        return cls(
            edges=[
                InstrumentEdge(cursor=cursor, node=node)
                for cursor, node in zip(value.cursors, nodes, strict=True)
            ],
            nodes=nodes,
            page_info=PageInfo(
                has_next_page=value.has_next,
                has_previous_page=value.has_previous,
                start_cursor=value.cursors[0] if value.cursors else None,
                end_cursor=value.cursors[-1] if value.cursors else None,
            ),
            total_count=value.total,
        )


def clamp(number: int) -> int:
    """GraphQL's Int ends at 2^31 - 1 (24.8 days in milliseconds); what is beyond is told as that."""
    return min(number, MAX_INT)
