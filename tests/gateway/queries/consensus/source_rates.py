"""Rates of one symbol from invented sources: more than the system has."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple, cast

from gateway.queries.consensus.query import ConsensusQuery
from gateway.queries.consensus.rate import ConsensusRate
from gateway.queries.consensus.weighing import SourceRate, weigh
from gateway.queries.rate import Rate
from rates.source import Source
from rates.symbol import parse_symbol
from tests.gateway.fakes import MAX_DISTANCE, NOON, build_ticker

BTC_USDT = parse_symbol("BTC/USDT")
TTL = timedelta(seconds=10)


class MadeUp(NamedTuple):
    """Stands for a source."""

    name: str


class Opinion(NamedTuple):
    """A rate of one source: price, age in seconds, volume, quotes and age of the last trade."""

    price: str
    age_s: float = 0
    volume: str | None = "1"
    bid: str | None = None
    ask: str | None = None
    traded_s: float | None = None

    def rate(self, said_by: MadeUp) -> Rate:
        ticker = build_ticker(
            price=self.price,
            source=cast("Source", said_by),
            observed_at=NOON - timedelta(seconds=self.age_s),
            volume_24h=None if self.volume is None else Decimal(self.volume),
            bid=None if self.bid is None else Decimal(self.bid),
            ask=None if self.ask is None else Decimal(self.ask),
            quoted_at=None if self.bid is None else NOON - timedelta(seconds=self.age_s),
            last_trade_at=None if self.traded_s is None else NOON - timedelta(seconds=self.traded_s),
        )
        return Rate(ticker, TTL, NOON)


def consensus(*opinions: Opinion | str | None, **asked: Any) -> ConsensusRate:
    """The consensus of one source per opinion, S0, S1, ...; `None` has not been seen yet.

    Their identities are confirmed, so that any distance is one of the market, unless `is_confirmed` is false.
    """
    is_confirmed = asked.pop("is_confirmed", True)
    source_rates: dict[Source, SourceRate] = {}
    for number, each in enumerate(opinions):
        source = MadeUp(f"S{number}")
        opinion = Opinion(each) if isinstance(each, str) else each
        source_rates[cast("Source", source)] = SourceRate(
            None if opinion is None else opinion.rate(source), is_confirmed=is_confirmed
        )
    return weigh(ConsensusQuery(BTC_USDT, **asked), source_rates, NOON, max_distance=MAX_DISTANCE)


def exclusions(answer: ConsensusRate) -> list[str | None]:
    """Why each source was left out, `None` where it was not."""
    return [each.exclusion and each.exclusion.value for each in answer.contributions]
