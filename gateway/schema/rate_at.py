"""The GraphQL type and field of rates of the past."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, Self

import strawberry

from gateway.queries.freshness import Freshness
from gateway.queries.rate_at import rate_at
from gateway.queries.rate_at.query import RateAtQuery
from gateway.queries.rates_query import OnStale
from gateway.queries.unavailable import too_old
from gateway.schema.arguments import UNSET, MaxAgeMs, OneSymbol, OnStaleArgument, none_if_unset, read_policy
from gateway.schema.candles import ItsSource
from gateway.schema.context import Info
from gateway.schema.field import described
from gateway.schema.scalars import clamp
from gateway.schema.source import SourceType, to_source
from history.coverage import CandleCoverage
from rates.symbol import Symbol

At = Annotated[
    datetime,
    strawberry.argument(description="The time of the rate, with its offset. It is not in the future."),
]
KnownAt = Annotated[
    datetime | None,
    strawberry.argument(
        description="The time of knowledge: the answer leaves out what became known later, such as corrections. Default: now."
    ),
]


@strawberry.type(
    name="RateAt",
    description="The last trade of one source that is known at or before a time, and whether another one may have followed. For CoinGecko: the last "
    "price that it published.",
)
class RateAtType:
    symbol: Symbol = described("The symbol.")
    source: SourceType = described("The source of the trade.")
    at: datetime = described("The time of the rate.")
    price: Decimal = described("The price of the trade, or the price that CoinGecko published.")
    traded_at: datetime = described(
        "The time of the trade. CoinGecko publishes prices and no trades: the time to which it dates its price."
    )
    age_ms: int = described("Milliseconds from `tradedAt` to `at`, rounded up.")
    ttl_ms: int = described("The TTL of the source: the milliseconds for which its rates are FRESH.")
    freshness: Freshness = described("The freshness at `at`.")
    coverage: CandleCoverage = described(
        "How much is known of the time from the trade to `at`. COMPLETE: no other trade followed. PARTIAL: one may have. UNKNOWN: nothing is "
        "known of the minutes after that of the trade."
    )
    as_of: datetime = described("When the trade became known in its present form.")
    simulated: bool = described("Whether the bundled simulator made up the trade.")

    @classmethod
    def of(cls, value: rate_at.RateAt) -> Self:
        return cls(**{name: read(value) for name, read in READ_RATE_AT.items()})


READ_RATE_AT: Mapping[str, Callable[[rate_at.RateAt], Any]] = {
    "symbol": attrgetter("rate.ticker.symbol"),
    "source": lambda value: to_source(value.rate.ticker.source),
    "at": attrgetter("rate.now"),
    "price": attrgetter("rate.ticker.price"),
    "traded_at": attrgetter("rate.ticker.observed_at"),
    "age_ms": lambda value: clamp(value.rate.age_ms),
    "ttl_ms": lambda value: clamp(value.rate.ttl_ms),
    "freshness": attrgetter("rate.freshness"),
    "coverage": attrgetter("coverage"),
    "as_of": attrgetter("known_at"),
    "simulated": attrgetter("rate.ticker.simulated"),
}
"""The reader of each field of a `RateAt`."""


async def resolve_rate_at(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    symbol: OneSymbol,
    at: At,
    source: ItsSource = UNSET,
    max_age_ms: MaxAgeMs = UNSET,
    on_stale: OnStaleArgument = OnStale.RETURN,
    known_at: KnownAt = UNSET,
) -> RateAtType | None:
    policy = read_policy(max_age_ms, on_stale)
    query = RateAtQuery(symbol, at, none_if_unset(source), none_if_unset(known_at))
    reader = info.context.history.rate_at
    answer = await reader.read(query)
    info.context.metadata.note_fresh_for(reader.lasts(answer, query.known_at))
    if on_stale is OnStale.RETURN or policy.allows(answer.rate):
        return RateAtType.of(answer)
    if on_stale is OnStale.ERROR:
        raise too_old(answer.rate, policy)
    return None
