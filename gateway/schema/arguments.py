"""Arguments that several fields share, with their descriptions and their parsing."""

from datetime import datetime, timedelta
from typing import Annotated, TypeVar

import strawberry

from gateway.queries.rates_query import FreshnessPolicy, OnStale, RatesQuery
from rates.errors import InvalidArgument
from rates.source import Source
from rates.symbol import Symbol

T = TypeVar("T")
UNSET = strawberry.UNSET
# Default of `AnswerIntervalMs`: an answer depends on several rates, and each of them changes it.
ANSWER_INTERVAL_MS = 250

OneSymbol = Annotated[Symbol, strawberry.argument(description="The symbol, e.g. BTC/USDT.")]
OneSource = Annotated[
    Source | None,
    strawberry.argument(
        description="The source. Default: the first source in the configured order whose rate is fresh enough."
    ),
]
Symbols = Annotated[
    list[Symbol] | None, strawberry.argument(description="The symbols. Default: all tracked symbols.")
]
Sources = Annotated[
    list[Source] | None, strawberry.argument(description="The sources. Default: all sources.")
]
MaxAgeMs = Annotated[
    int | None,
    strawberry.argument(
        description="The largest age in milliseconds that is fresh enough. Default: the TTL of the source."
    ),
]
MaxTradeAgeMs = Annotated[
    int | None,
    strawberry.argument(
        description="The largest age of the last trade in milliseconds that is fresh enough. A rate without `lastTradeAt` is not. Default: "
        "any age."
    ),
]
OnStaleArgument = Annotated[
    OnStale, strawberry.argument(description="The answer if no rate is as fresh as requested.")
]
SampleIntervalMs = Annotated[
    int,
    strawberry.argument(
        description="The shortest time between two events in milliseconds, 0 to 3600000. An event has the newest values. 0: an event for "
        "every change."
    ),
]
AnswerIntervalMs = Annotated[
    int,
    strawberry.argument(
        description="The shortest time between two answers in milliseconds, 0 to 3600000. 0: an answer for every change."
    ),
]
MinChangeBps = Annotated[
    float,
    strawberry.argument(
        description="The smallest change of the price since the last value sent, in basis points (1/100 %). Smaller changes are held back, "
        "but sent before the last value sent becomes STALE. 0: every change is sent."
    ),
]
MaxSilenceMs = Annotated[
    int,
    strawberry.argument(
        description="The longest time without an event in milliseconds, 100 to 3600000. After it, a HEARTBEAT is sent."
    ),
]

PastTime = Annotated[
    datetime | None,
    strawberry.argument(
        name="at",
        description="A time of the past: the answer is made of the last trades that are known at or before it, by the same rules; ages are "
        "those at that time. Default: now.",
    ),
]


def none_if_unset(value: T | None) -> T | None:
    """Return the argument, or `None` if the client left it out."""
    return None if value is UNSET else value


def given_all(name: str, values: list[T] | None) -> tuple[T, ...] | None:
    """Return the values of the argument, or `None` if the client left it out.

    Raises:
        InvalidArgument: an empty list, which asks for nothing.
    """
    wanted = none_if_unset(values)
    if wanted is None:
        return None
    if not wanted:
        raise InvalidArgument.of_length(name, 0, "at least one value; leave it out for all")
    return tuple(wanted)


def read_query(symbols: list[Symbol] | None, sources: list[Source] | None) -> RatesQuery:
    """Read the query from the arguments.

    Raises:
        InvalidArgument: an empty list.
    """
    return RatesQuery(given_all("symbols", symbols), given_all("sources", sources))


def read_policy(
    max_age_ms: int | None, on_stale: OnStale, max_trade_age_ms: int | None = UNSET
) -> FreshnessPolicy:
    """Read the required freshness from the arguments.

    Raises:
        InvalidArgument: a negative age.
    """
    max_age = _read_age("maxAgeMs", max_age_ms)
    return FreshnessPolicy(max_age, on_stale, _read_age("maxTradeAgeMs", max_trade_age_ms))


def _read_age(name: str, milliseconds: int | None) -> timedelta | None:
    wanted = none_if_unset(milliseconds)
    if wanted is None:
        return None
    if wanted < 0:
        raise InvalidArgument(name, wanted, "0 or more milliseconds")
    return timedelta(milliseconds=wanted)
