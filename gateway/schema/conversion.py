"""The GraphQL types, arguments and field of conversions."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, Self

import strawberry

from gateway.queries.conversion import conversion
from gateway.queries.conversion.conversion import ConversionOperation
from gateway.queries.conversion.query import MAX_LEGS, ConversionQuery, check_conversion
from gateway.queries.freshness import Freshness
from gateway.queries.price_basis import PriceBasis, price_basis
from gateway.queries.rates_query import OnStale
from gateway.schema.arguments import UNSET, MaxTradeAgeMs, OnStaleArgument, given_all, read_policy
from gateway.schema.context import Info
from gateway.schema.field import described
from gateway.schema.global_id import conversion_id
from gateway.schema.node import Node
from gateway.schema.rates import RateType
from gateway.schema.scalars import AssetCode, clamp
from rates.source import Source

_ANY_AMOUNT = Decimal(1)

Amount = Annotated[
    Decimal,
    strawberry.argument(description='How much of `from`, 0 or more, e.g. "1.5": a string keeps every digit.'),
]
From = Annotated[
    AssetCode, strawberry.argument(name="from", description="The asset that you have, e.g. BTC.")
]
To = Annotated[AssetCode, strawberry.argument(name="to", description="The asset that you want, e.g. USDT.")]
MaxAgeMs = Annotated[
    int | None,
    strawberry.argument(
        description="Oldest age in milliseconds that will do for a rate on the way. Left out: the time to live of its source."
    ),
]
OfSources = Annotated[
    list[Source] | None, strawberry.argument(description="Whose rates may be used. Left out: those of all.")
]
MaxLegs = Annotated[int, strawberry.argument(description="How many steps the way may have, 1 to 3.")]
StablecoinsAsUsd = Annotated[
    bool,
    strawberry.argument(
        description="Whether USDT, USDC and the other listed stablecoins count as exactly one USD. They are not dollars: without this "
        "only a market leads from one to the other."
    ),
]


@strawberry.type(description="One step of a conversion.")
class ConversionLeg:
    start: AssetCode = described("The asset that it begins with.", name="from")
    end: AssetCode = described("The asset that it leads to.", name="to")
    operation: ConversionOperation = described("What is done with the price.")
    used_price: Decimal = described("The price that is multiplied with or divided by; 1 for a peg.")
    basis: PriceBasis | None = described("Which price of the rate that is; null for a peg.")
    rate: RateType | None = described("The rate that the price is of; null for a peg.")
    peg: bool = described(
        "Whether no market leads here, but a stablecoin counts as one USD, as you asked for by `stablecoinsAsUsd`."
    )

    @classmethod
    def of(cls, value: conversion.Leg) -> Self:
        rate = value.rate
        read_values = {name: read(value) for name, read in READ_LEG.items()}
        return cls(**{**read_values, "rate": None if rate is None else RateType.of(rate)})


@strawberry.type(
    name="Conversion",
    description="An amount of one asset in another, at the last prices and without fees: a valuation, not an offer. See "
    "docs/conversion.md.",
)
class ConversionType(Node):
    id: strawberry.ID = described(
        "Globally unique, e.g. `Conversion:1.5:BTC:USDT`. Arguments other than their defaults are part of it."
    )
    amount: Decimal = described("How much was asked for.")
    start: AssetCode = described("The asset of the amount.", name="from")
    end: AssetCode = described("The asset of the result.", name="to")
    result: Decimal = described(
        "The amount in units of `to`, rounded once, at the end, half to even to 34 significant digits."
    )
    rate: Decimal = described("Units of `to` for one of `from`, in as many digits.")
    legs: list[ConversionLeg] = described("The way, step by step; none where `from` and `to` are the same.")
    age_ms: int = described(
        "Age of the oldest rate on the way, in milliseconds rounded up; 0 where there is none."
    )
    observed_at: datetime | None = described("When that was observed; null where there is none.")
    freshness: Freshness = described(
        "The worst of the rates on the way, each by the time to live of its source."
    )
    uses_peg: bool = described("Whether a stablecoin counts as one USD on the way.")
    simulated: bool = described("Whether the bundled simulator made up any of the rates.")

    @classmethod
    def of(cls, value: conversion.Conversion) -> Self:
        read_values = {name: read(value) for name, read in READ_CONVERSION.items()}
        return cls(**{**read_values, "legs": [ConversionLeg.of(each) for each in value.legs]})


def _read_basis(value: conversion.Leg) -> PriceBasis | None:
    return None if value.rate is None else price_basis(value.rate)


READ_LEG: Mapping[str, Callable[[conversion.Leg], Any]] = {
    "start": attrgetter("start"),
    "end": attrgetter("end"),
    "operation": attrgetter("operation"),
    "used_price": attrgetter("price"),
    "basis": _read_basis,
    "rate": attrgetter("rate"),
    "peg": lambda value: value.rate is None,
}
"""The reader of each field of a `ConversionLeg`. Those of objects return plain values."""

READ_CONVERSION: Mapping[str, Callable[[conversion.Conversion], Any]] = {
    "id": lambda value: conversion_id(value.query),
    "amount": attrgetter("amount"),
    "start": attrgetter("start"),
    "end": attrgetter("end"),
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
    )
    return answer_conversion(info, query)


def answer_conversion(info: Info, query: ConversionQuery) -> ConversionType | None:
    """Return the conversion; `None` with `OnStale.OMIT` if a rate is too old."""
    answer = info.context.converter.convert(query)
    if answer is None:
        return None
    info.context.metadata.note_rates(answer.rates, query.policy)
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
    )
    check_conversion(query)
    return query
