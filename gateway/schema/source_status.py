"""The GraphQL types and field of the state of sources."""

from datetime import datetime
from typing import Self

import strawberry

from gateway.queries import source_rules
from gateway.queries.source_rules import SourceState
from gateway.schema.field import described
from gateway.schema.global_id import source_status_id
from gateway.schema.node import Node
from gateway.schema.scalars import clamp
from gateway.schema.source import SourceType, to_source
from rates import health
from rates.symbol import Symbol


@strawberry.type(description="How many calls a source allows.")
class CallBudget:
    limit: int = described("Calls allowed in the running window.")
    remaining: int = described("Calls left in it.")
    resets_at: datetime = described("When a call is certain to be free again.")
    monthly_limit: int | None = described(
        "Calls of the calendar month (UTC) that are configured as the plan's quota; null where there is none. Calls are spread over "
        "what is left of the month."
    )
    monthly_remaining: int | None = described("Calls of it that are left; null where there is none.")
    monthly_resets_at: datetime | None = described("When it begins anew; null where there is none.")

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


@strawberry.type(name="SourceStatus", description="How a source is doing, and the figures behind that.")
class SourceStatusType(Node):
    id: strawberry.ID = described("Globally unique, e.g. `SourceStatus:BINANCE`.")
    source: SourceType = described("The source.")
    state: SourceState = described("How it is doing.")
    reason: str | None = described(
        "Why it is not UP, and what it announces for later, for people; null where there is nothing to say."
    )
    last_ticker_at: datetime | None = described("When its last newer rate reached us; null if none ever did.")
    lag_ms: int | None = described("Milliseconds from observation to arrival of that rate; never negative.")
    skew_ms: int | None = described(
        "Milliseconds by which the clocks on the way of its rates disagree, at most: the source's, where it is ahead, and those of the "
        "machines that relay it, from 5 seconds on. Ages are corrected for it."
    )
    tickers_per_minute: int = described("Newer rates that arrived during the last minute.")
    refused_count: int = described(
        "Values that were not let in: not positive, not finite, from the future, or unreadable, entries of listings included. "
        "Counted by the processes that work with it now, each since its start."
    )
    reconnect_count: int = described(
        "Sessions opened after the first. Counted by the processes that work with it now, each since its start."
    )
    budget: CallBudget | None = described("The call budget; null where the source has none.")
    tracked_count: int = described("Instruments tracked from it that it trades.")
    halted_count: int = described(
        "Instruments tracked from it that it does not trade at the moment, by its own listing."
    )
    seen_count: int = described("Those that it has published a rate for.")
    fresh_count: int = described("Those whose rate is FRESH.")
    simulated: bool = described("Whether the bundled simulator plays this source.")
    silent: list[Symbol] = described(
        "Instruments that its push feed should be telling of and does not, or whose message only repeats: the first 50 by symbol. "
        "The others are not touched by it."
    )
    silent_count: int = described("How many instruments are silent.")
    suspects: list[Symbol] = described(
        "Instruments that may mean another asset here than elsewhere: their prices stayed far from those of other sources. They are in "
        "no list and no merged answer until an operator confirms or separates them."
    )
    suspect_count: int = described("How many instruments are suspects.")

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
