"""The GraphQL types and fields of lists of conversions, and of live conversions."""

from collections.abc import AsyncGenerator, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Self

import strawberry

from gateway.queries.conversion import conversions_query
from gateway.queries.conversion.conversions_query import ConversionsQuery, check_conversions
from gateway.queries.conversion.query import MAX_LEGS, ConversionQuery
from gateway.queries.rates_query import OnStale
from gateway.schema.arguments import (
    ANSWER_INTERVAL_MS,
    UNSET,
    AnswerIntervalMs,
    MaxSilenceMs,
    MaxTradeAgeMs,
    OnStaleArgument,
)
from gateway.schema.context import Info
from gateway.schema.conversion import (
    Amount,
    ConversionType,
    From,
    MaxAgeMs,
    MaxLegs,
    OfSources,
    StablecoinsAsUsd,
    To,
    read_conversion,
)
from gateway.schema.error_code import ErrorCode
from gateway.schema.field import described
from gateway.schema.scalars import AssetCode
from gateway.schema.streams import convert_each
from gateway.subscriptions.answers_event import AnswersEvent
from gateway.subscriptions.delivery_options import parse_delivery_options
from gateway.subscriptions.event import EventKind
from rates.errors import InvalidArgument


@strawberry.input(description="One conversion of several.")
class ConversionInput:
    amount: Decimal = strawberry.field(
        description='The amount in units of `from`, 0 or more. Pass a string such as "1.5" to keep every digit.'
    )
    start: AssetCode = strawberry.field(name="from", description="The asset to convert from, e.g. BTC.")
    end: AssetCode = strawberry.field(name="to", description="The asset to convert to, e.g. USDT.")


Input = Annotated[
    list[ConversionInput],
    strawberry.argument(name="input", description="The conversions, 1 to 50. Each is answered once."),
]
OnStaleLive = Annotated[
    OnStale,
    strawberry.argument(
        description="The answer if a rate is not as fresh as requested: RETURN or OMIT. ERROR is refused, because a rate can become fresh "
        "again."
    ),
]


@strawberry.type(
    name="UnavailableConversion", description="A requested conversion without an answer at present."
)
class UnavailableConversionType:
    amount: Decimal = described("The requested amount.")
    start: AssetCode = described("The asset of the amount.", name="from")
    end: AssetCode = described("The requested asset.", name="to")
    code: ErrorCode = described("The code of the error that `conversion` reports.")
    message: str = described("The message of that error, for people.")

    @classmethod
    def of(cls, value: conversions_query.UnavailableConversion) -> Self:
        return cls(
            amount=value.amount,
            start=AssetCode(value.start),
            end=AssetCode(value.end),
            code=ErrorCode(value.code),
            message=value.message,
        )


@strawberry.type(
    name="ConversionList", description="The requested conversions, and those that have no answer."
)
class ConversionListType:
    items: list[ConversionType] = described("The conversions, in the order of `input`.")
    unavailable: list[UnavailableConversionType] = described(
        "The conversions without an answer, in the order of `input`."
    )
    sent_at: datetime = described("The time of the answer. All ages are relative to it.")

    @classmethod
    def of(cls, value: conversions_query.ConversionList) -> Self:
        return cls(
            items=[ConversionType.of(each) for each in value.items],
            unavailable=[UnavailableConversionType.of(each) for each in value.unavailable],
            sent_at=value.now,
        )


@strawberry.type(name="ConversionsEvent", description="One event of the `conversions` subscription.")
class ConversionsEventType:
    kind: EventKind = described(
        "The kind of the event. There is no GAP: every subscription begins with a SNAPSHOT."
    )
    items: list[ConversionType] = described(
        "On a SNAPSHOT: every conversion. On an UPDATE: those that have changed, by a rate or by the passage of time."
    )
    unavailable: list[UnavailableConversionType] = described(
        "On a SNAPSHOT: the conversions without an answer. On an UPDATE: those that have lost their answer, or have another "
        "reason. A conversion that is in `items` later is available again."
    )
    conflated_count: int = described(
        "The number of updates of rates that newer ones replaced before the items of this event were computed."
    )
    throttled: bool = described(
        "Whether there is at most one event a second, because your budget of streams is spent."
    )
    sent_at: datetime = described("The time of the event. All ages are relative to it.")

    @classmethod
    def of(cls, value: AnswersEvent) -> Self:
        return cls(
            kind=value.kind,
            items=[ConversionType.of(each.value) for each in value.items],
            unavailable=[UnavailableConversionType.of(each) for each in value.unavailable],
            conflated_count=value.conflated_count,
            throttled=value.throttled,
            sent_at=value.sent_at,
        )


def resolve_conversions(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    conversions: Input,
    max_age_ms: MaxAgeMs = UNSET,
    sources: OfSources = UNSET,
    max_legs: MaxLegs = MAX_LEGS,
    stablecoins_as_usd: StablecoinsAsUsd = False,
    on_stale: OnStaleArgument = OnStale.RETURN,
    max_trade_age_ms: MaxTradeAgeMs = UNSET,
) -> ConversionListType | None:
    template = read_conversion(
        max_age_ms=max_age_ms,
        sources=sources,
        max_legs=max_legs,
        stablecoins_as_usd=stablecoins_as_usd,
        on_stale=on_stale,
        max_trade_age_ms=max_trade_age_ms,
    )
    entries = ((each.amount, each.start, each.end) for each in conversions)
    answer = info.context.converter.conversions(read_conversions(entries, template))
    metadata = info.context.metadata
    metadata.no_store = metadata.no_store or bool(answer.unavailable)
    for each in answer.items:
        metadata.note_rates(each.rates, template.policy)
    return ConversionListType.of(answer)


async def subscribe_conversions(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    conversions: Input,
    max_age_ms: MaxAgeMs = UNSET,
    sources: OfSources = UNSET,
    max_legs: MaxLegs = MAX_LEGS,
    stablecoins_as_usd: StablecoinsAsUsd = False,
    on_stale: OnStaleLive = OnStale.RETURN,
    sample_interval_ms: AnswerIntervalMs = ANSWER_INTERVAL_MS,
    max_silence_ms: MaxSilenceMs = 15_000,
    max_trade_age_ms: MaxTradeAgeMs = UNSET,
) -> AsyncGenerator[ConversionsEventType | None, None]:
    options = info.context.limit(parse_delivery_options(sample_interval_ms, 0, max_silence_ms))
    template = read_conversion(
        max_age_ms=max_age_ms,
        sources=sources,
        max_legs=max_legs,
        stablecoins_as_usd=stablecoins_as_usd,
        on_stale=on_stale,
        max_trade_age_ms=max_trade_age_ms,
    )
    check_live(template)
    query = read_conversions(((each.amount, each.start, each.end) for each in conversions), template)
    return convert_each(ConversionsEventType.of, info.context.live_queries.iterate(query, options))


async def subscribe_conversion(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    amount: Amount,
    start: From,
    end: To,
    max_age_ms: MaxAgeMs = UNSET,
    sources: OfSources = UNSET,
    max_legs: MaxLegs = MAX_LEGS,
    stablecoins_as_usd: StablecoinsAsUsd = False,
    on_stale: OnStaleLive = OnStale.RETURN,
    sample_interval_ms: AnswerIntervalMs = ANSWER_INTERVAL_MS,
    max_trade_age_ms: MaxTradeAgeMs = UNSET,
) -> AsyncGenerator[ConversionType | None, None]:
    options = info.context.limit(parse_delivery_options(sample_interval_ms, 0))
    query = read_conversion(
        amount=amount,
        start=start,
        end=end,
        max_age_ms=max_age_ms,
        sources=sources,
        max_legs=max_legs,
        stablecoins_as_usd=stablecoins_as_usd,
        on_stale=on_stale,
        max_trade_age_ms=max_trade_age_ms,
    )
    check_live(query)
    return convert_each(_only_item, info.context.live_queries.iterate(query, options))


def _only_item(event: AnswersEvent) -> ConversionType | None:
    return ConversionType.of(event.items[0].value) if event.items else None


def read_conversions(
    entries: Iterable[tuple[Decimal, str, str]], template: ConversionQuery
) -> ConversionsQuery:
    """Read the query of these amounts and assets with the other arguments of `template`.

    Raises:
        InvalidArgument: no conversions, or too many.
    """
    query = ConversionsQuery.of(
        template._replace(amount=amount, start=start, end=end) for amount, start, end in entries
    )
    check_conversions(query)
    return query


def check_live(query: ConversionQuery) -> None:
    """Check that the query may be that of a subscription.

    Raises:
        InvalidArgument: `onStale` is ERROR.
    """
    if query.policy.on_stale is OnStale.ERROR:
        raise InvalidArgument(
            "onStale", "ERROR", "RETURN or OMIT: a subscription goes on when the rate is fresh again"
        )
