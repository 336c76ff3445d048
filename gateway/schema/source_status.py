"""The GraphQL types and field of the state of sources."""

from datetime import datetime
from typing import Self

import strawberry

from cache import source_rules
from cache.source_rules import SourceState
from gateway.schema.field import described
from gateway.schema.global_id import source_status_id
from gateway.schema.node import Node
from gateway.schema.scalars import clamp
from gateway.schema.source import SourceType, to_source
from rates import health
from rates.symbol import Symbol


@strawberry.type(description="The number of calls that a source allows.")
class CallBudget:
    limit: int = described("The number of calls allowed in the current window.")
    remaining: int = described("The number of calls left in the current window.")
    resets_at: datetime = described("The time at which another call is allowed at the latest.")
    monthly_limit: int | None = described(
        "The configured quota of calls in a calendar month (UTC); null without a quota. Calls are spread over the rest of the "
        "month."
    )
    monthly_remaining: int | None = described("The number of calls left in the month; null without a quota.")
    monthly_resets_at: datetime | None = described("The start of the next month (UTC); null without a quota.")

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


@strawberry.type(name="SourceStatus", description="The present state of a source, with figures.")
class SourceStatusType(Node):
    id: strawberry.ID = described("Globally unique, e.g. `SourceStatus:BINANCE`.")
    source: SourceType = described("The source.")
    state: SourceState = described("The state of the source.")
    reason: str | None = described(
        "The reason for a state other than UP, and what the source has announced, for people; null without either."
    )
    last_ticker_at: datetime | None = described(
        "The time at which the last newer rate arrived; null if none has arrived yet."
    )
    lag_ms: int | None = described(
        "Milliseconds from the observation of that rate to its arrival; never negative."
    )
    skew_ms: int | None = described(
        "The largest difference in milliseconds between the clocks that date the rates of the source: its own, if it is ahead, "
        "and those of the machines between, from 5 seconds on. Ages are corrected for it."
    )
    tickers_per_minute: int = described("The number of newer rates that arrived in the last minute.")
    refused_count: int = described(
        "The number of values that were refused: not positive, not finite, in the future, or unreadable, including entries of "
        "listings. Counted since the start of each process that reads the source now."
    )
    reconnect_count: int = described(
        "The number of connections opened after the first one. Counted since the start of each process that reads the source "
        "now."
    )
    budget: CallBudget | None = described("The call budget; null if the source has none.")
    tracked_count: int = described("The number of tracked instruments that the source trades.")
    halted_count: int = described(
        "The number of tracked instruments that the source does not trade at present, according to its listing."
    )
    seen_count: int = described(
        "The number of tracked instruments for which the source has published a rate."
    )
    fresh_count: int = described("The number of tracked instruments whose rate is FRESH.")
    simulated: bool = described("Whether the bundled simulator stands in for this source.")
    silent: list[Symbol] = described(
        "Instruments for which the push feed publishes nothing, or only repeats a message, although others are published: the "
        "first 50 by symbol."
    )
    silent_count: int = described("The number of silent instruments.")
    suspects: list[Symbol] = described(
        "Instruments that may be another asset than at other sources, because their prices stayed far apart. They have no rate "
        "until an operator confirms or separates them."
    )
    suspect_count: int = described("The number of suspect instruments.")

    @classmethod
    def of(cls, value: source_rules.SourceStatus) -> Self:
        return cls(
            id=strawberry.ID(source_status_id(value.source)),
            source=to_source(value.source),
            state=value.state,
            reason=value.reason,
            last_ticker_at=value.last_ticker_at,
            lag_ms=None if value.lag_ms is None else clamp(value.lag_ms),
            skew_ms=None if value.skew_ms is None else clamp(value.skew_ms),
            tickers_per_minute=value.tickers_per_minute,
            refused_count=clamp(value.refused),
            reconnect_count=clamp(value.reconnects),
            budget=None if value.budget is None else CallBudget.of(value.budget),
            tracked_count=value.tracked,
            halted_count=value.halted,
            seen_count=value.seen,
            fresh_count=value.fresh,
            simulated=value.simulated,
            silent=list(value.silent),
            silent_count=value.silent_count,
            suspects=list(value.suspects),
            suspect_count=len(value.suspects),
        )
