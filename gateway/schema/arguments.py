"""Arguments that several fields share, with their descriptions and their parsing."""

from datetime import timedelta
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

OneSymbol = Annotated[Symbol, strawberry.argument(description="The instrument, e.g. BTC/USDT.")]
OneSource = Annotated[
    Source | None,
    strawberry.argument(
        description="Who shall answer. Left out: the first by configured preference that is fresh enough."
    ),
]
Symbols = Annotated[
    list[Symbol] | None, strawberry.argument(description="The instruments. Left out: all that are tracked.")
]
Sources = Annotated[
    list[Source] | None, strawberry.argument(description="Who shall answer. Left out: all sources.")
]
MaxAgeMs = Annotated[
    int | None,
    strawberry.argument(
        description="Oldest age in milliseconds that will do. Left out: the source's time to live."
    ),
]
MaxTradeAgeMs = Annotated[
    int | None,
    strawberry.argument(
        description="Oldest last trade in milliseconds that will do; a rate whose source does not tell when it last traded fails. "
        "Left out: any. For clients that want trading, not quoting."
    ),
]
OnStaleArgument = Annotated[
    OnStale, strawberry.argument(description="What you want where no rate is as fresh as asked.")
]
SampleIntervalMs = Annotated[
    int,
    strawberry.argument(
        description="At most one update in so many milliseconds, with the newest values. 0: every change. At most 3600000."
    ),
]
AnswerIntervalMs = Annotated[
    int,
    strawberry.argument(
        description="At most one answer in so many milliseconds, the newest. 0: every change. At most 3600000."
    ),
]
MinChangeBps = Annotated[
    float,
    strawberry.argument(
        description="Leave out moves of the price smaller than so many basis points (1/100 %) since the value sent last. "
        "0: every change. What is left out is told all the same before the value you hold turns STALE."
    ),
]
MaxSilenceMs = Annotated[
    int,
    strawberry.argument(
        description="A HEARTBEAT when nothing was sent for so many milliseconds, 100 to 3600000."
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
