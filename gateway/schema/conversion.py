"""The GraphQL types, arguments and field of conversions."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, Self, cast

import strawberry
from graphql.pyutils import AwaitableOrValue

from gateway.queries.conversion import conversion
from gateway.queries.conversion.conversion import ConversionOperation
from gateway.queries.conversion.query import MAX_LEGS, ConversionQuery, check_conversion
from gateway.queries.freshness import Freshness
from gateway.queries.price_basis import PriceBasis, price_basis
from gateway.queries.rates_query import OnStale
from gateway.schema.arguments import (
    UNSET,
    MaxTradeAgeMs,
    OnStaleArgument,
    PastTime,
    given_all,
    none_if_unset,
    read_policy,
)
from gateway.schema.context import Info
from gateway.schema.field import described
from gateway.schema.global_id import conversion_id
from gateway.schema.node import Node
from gateway.schema.rate_at import RateAtType
from gateway.schema.rates import RateType
from gateway.schema.scalars import AssetCode, clamp
from rates.source import Source

_ANY_AMOUNT = Decimal(1)

Amount = Annotated[
    Decimal,
    strawberry.argument(
        description='The amount in units of `from`, 0 or more. Pass a string such as "1.5" to keep every digit.'
    ),
]
From = Annotated[
    AssetCode, strawberry.argument(name="from", description="The asset to convert from, e.g. BTC.")
]
To = Annotated[AssetCode, strawberry.argument(name="to", description="The asset to convert to, e.g. USDT.")]
MaxAgeMs = Annotated[
    int | None,
    strawberry.argument(
        description="The largest age in milliseconds of a rate on the route that is fresh enough. Default: the TTL of its source."
    ),
]
OfSources = Annotated[
    list[Source] | None,
    strawberry.argument(description="The sources whose rates may be used. Default: all sources."),
]
MaxLegs = Annotated[int, strawberry.argument(description="The largest number of legs of the route, 1 to 3.")]
StablecoinsAsUsd = Annotated[
    bool,
    strawberry.argument(
        description="Whether USDT, USDC and the other listed stablecoins count as exactly one USD. By default, only a market connects a "
        "stablecoin with USD."
    ),
]


@strawberry.type(description="One leg of the route of a conversion.")
class ConversionLeg:
    start: AssetCode = described("The asset at the start of the leg.", name="from")
    end: AssetCode = described("The asset at the end of the leg.", name="to")
    operation: ConversionOperation = described("The operation on the price.")
    used_price: Decimal = described("The price that the operation uses; 1 for a peg.")
    basis: PriceBasis | None = described(
        "The price of `rate` or `rateAt` that `usedPrice` is; null for a peg."
    )
    rate: RateType | None = described("The rate of `usedPrice`; null for a peg, and with `at`.")
    rate_at: RateAtType | None = described(
        "With `at`, the trade of `usedPrice`; null for a peg, and without `at`."
    )
    peg: bool = described(
        "Whether this leg uses no market but takes a stablecoin as one USD, as requested by `stablecoinsAsUsd`."
    )

    @classmethod
    def of(cls, value: conversion.Leg) -> Self:
        found = {name: read(value) for name, read in READ_LEG.items()}
        rate, rate_at = found["rate"], found["rate_at"]
        fields: dict[str, Any] = {
            **found,
            "rate": None if rate is None else RateType.of(rate),
            "rate_at": None if rate_at is None else RateAtType.of(rate_at),
        }
        return cls(**fields)


@strawberry.type(
    name="Conversion",
    description="The value of an amount of one asset in another, at current rates and without fees. It is a valuation, not an offer. "
    "See docs/conversion.md.",
)
class ConversionType(Node):
    id: strawberry.ID = described(
        "Globally unique, e.g. `Conversion:1.5:BTC:USDT`. It contains all arguments that differ from their defaults."
    )
    amount: Decimal = described("The requested amount, in units of `from`.")
    start: AssetCode = described("The asset of the amount.", name="from")
    end: AssetCode = described("The asset of the result.", name="to")
    at: datetime | None = described("The requested time of the past; null for now.")
    result: Decimal = described(
        "The amount in units of `to`, rounded once, half to even, to 34 significant digits."
    )
    rate: Decimal = described("The units of `to` for one unit of `from`, with the same number of digits.")
    legs: list[ConversionLeg] = described(
        "The legs of the route, in order; empty if `from` and `to` are the same."
    )
    age_ms: int = described(
        "The age of the oldest rate on the route in milliseconds, rounded up; 0 without a rate."
    )
    observed_at: datetime | None = described(
        "The time at which the oldest rate on the route was observed; null without a rate."
    )
    freshness: Freshness = described(
        "The worst freshness of the rates on the route, each by the TTL of its source."
    )
    uses_peg: bool = described("Whether a leg of the route takes a stablecoin as one USD.")
    simulated: bool = described("Whether any of the rates comes from the bundled simulator.")

    @classmethod
    def of(cls, value: conversion.Conversion) -> Self:
        read_values = {name: read(value) for name, read in READ_CONVERSION.items()}
        fields: dict[str, Any] = {**read_values, "legs": [ConversionLeg.of(each) for each in value.legs]}
        return cls(**fields)


def _read_basis(value: conversion.Leg) -> PriceBasis | None:
    return None if value.rate is None else price_basis(value.rate)


READ_LEG: Mapping[str, Callable[[conversion.Leg], Any]] = {
    "start": attrgetter("start"),
    "end": attrgetter("end"),
    "operation": attrgetter("operation"),
    "used_price": attrgetter("price"),
    "basis": _read_basis,
    # Clients keep rates by their ids, which are those of the newest ones.
    "rate": lambda value: None if value.rate_at else value.rate,
    "rate_at": attrgetter("rate_at"),
    "peg": lambda value: value.rate is None,
}
"""The reader of each field of a `ConversionLeg`. Those of objects return plain values."""

READ_CONVERSION: Mapping[str, Callable[[conversion.Conversion], Any]] = {
    "id": lambda value: conversion_id(value.query),
    "amount": attrgetter("amount"),
    "start": attrgetter("start"),
    "end": attrgetter("end"),
    "at": attrgetter("query.at"),
    "result": attrgetter("result"),
    "rate": attrgetter("rate"),
    "legs": attrgetter("legs"),
    "age_ms": lambda value: clamp(value.age_ms),
    "observed_at": attrgetter("observed_at"),
    "freshness": attrgetter("freshness"),
    "uses_peg": attrgetter("uses_peg"),
    "simulated": lambda value: any(rate.ticker.simulated for rate in value.rates),
}
"""The same of a `Conversion`."""


def resolve_conversion(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    amount: Amount,
    start: From,
    end: To,
    max_age_ms: MaxAgeMs = UNSET,
    sources: OfSources = UNSET,
    max_legs: MaxLegs = MAX_LEGS,
    stablecoins_as_usd: StablecoinsAsUsd = False,
    on_stale: OnStaleArgument = OnStale.RETURN,
    max_trade_age_ms: MaxTradeAgeMs = UNSET,
    at: PastTime = UNSET,
) -> ConversionType | None:
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
        at=at,
    )
    # The executor awaits what only the database knows.
    return cast("ConversionType | None", answer_conversion(info, query))


def answer_conversion(info: Info, query: ConversionQuery) -> AwaitableOrValue[ConversionType | None]:
    """Return the conversion; `None` with `OnStale.OMIT` if a rate is too old.

    One of the past is awaited.
    """
    if query.at is not None:
        return answer_past_conversion(info, query)
    answer = info.context.converter.convert(query)
    if answer is None:
        return None
    info.context.metadata.note_rates(answer.rates, query.policy)
    return ConversionType.of(answer)


async def answer_past_conversion(info: Info, query: ConversionQuery) -> ConversionType | None:
    """Return the conversion at a past time; `None` with `OnStale.OMIT` if a trade is too old."""
    history = info.context.history
    answer = await history.converter.convert(query)
    if answer is None:
        return None
    rates_at = [leg.rate_at for leg in answer.legs if leg.rate is not None]
    info.context.metadata.note_fresh_for(history.rate_at.all_last(rates_at))
    return ConversionType.of(answer)


def read_conversion(
    *,
    amount: Decimal = _ANY_AMOUNT,
    start: str = "",
    end: str = "",
    max_age_ms: int | None,
    sources: list[Source] | None,
    max_legs: int,
    stablecoins_as_usd: bool,
    on_stale: OnStale,
    max_trade_age_ms: int | None,
    at: datetime | None = UNSET,
) -> ConversionQuery:
    """Read the query from the arguments; without amount and assets, for others to replace them.

    Raises:
        InvalidArgument: out of range.
    """
    query = ConversionQuery(
        amount,
        start,
        end,
        read_policy(max_age_ms, on_stale, max_trade_age_ms),
        given_all("sources", sources),
        max_legs,
        stablecoins_as_usd,
        none_if_unset(at),
    )
    check_conversion(query)
    return query
