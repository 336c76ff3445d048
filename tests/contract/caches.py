"""Caches under test, and tickers to write."""

from decimal import Decimal
from typing import Protocol

import msgspec
import pytest

from cache.ports import TickerFeed, TickerSink
from cache.redis_client import RedisClient
from cache.redis_feed import RedisTickerFeed
from cache.redis_sink import RedisTickerSink
from rates.clock import parse_us
from rates.health import LinkState, SourceReport
from rates.redis_keys import RedisKeys
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker
from tests.redis_deployments import RedisCluster, RedisSentinel

BTC, ETH = Symbol("BTC", "USDT"), Symbol("ETH", "USDT")
NAMES = RedisKeys(simulated=False)


# Parameters of a fixture: the in-process implementation, and Redis in each form in which it is run.
IMPLEMENTATIONS = ("memory", "redis", "cluster", "sentinel")


def url_of(request: pytest.FixtureRequest) -> str:
    """The URL of the Redis that the parameter of a fixture names."""
    if request.param == "redis":
        return str(request.getfixturevalue("redis_url"))
    deployment = request.getfixturevalue(f"redis_{request.param}")
    assert isinstance(deployment, RedisCluster | RedisSentinel)
    return deployment.url


class Cache(TickerSink, TickerFeed, Protocol):
    """A sink and a feed in one object."""


class RedisCache(RedisTickerSink, RedisTickerFeed):
    """`RedisTickerSink` and `RedisTickerFeed` on one client."""

    def __init__(self, redis: RedisClient, names: RedisKeys) -> None:
        RedisTickerSink.__init__(self, redis, names)
        RedisTickerFeed.__init__(self, redis, names)


def ticker(
    symbol: Symbol = BTC,
    *,
    at: int,
    price: str = "1",
    sequence: int = 0,
    source: Source = Source.BINANCE,
    traded_at: int | None = None,
) -> Ticker:
    return Ticker(
        source=source,
        symbol=symbol,
        price=Decimal(price),
        observed_at=parse_us(at),
        observed_at_origin=ObservedAtOrigin.SOURCE,
        received_at=parse_us(at),
        sequence=sequence,
        last_trade_at=None if traded_at is None else parse_us(traded_at),
    )


def undated(message: object) -> SourceReport:
    """A report as `report` makes it at 0: the cache dates it."""
    assert isinstance(message, SourceReport)
    return msgspec.structs.replace(message, reported_at=parse_us(0))


def report(instance: str, at: int, refused: int = 0) -> SourceReport:
    return SourceReport(
        source=Source.BINANCE,
        instance=instance,
        role="consumer",
        state=LinkState.UP,
        reason=None,
        refused=refused,
        reconnects=0,
        reported_at=parse_us(at),
    )
