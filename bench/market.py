"""The market of a run: generated instruments and prices, written to a database and Redis.

A price is `PUBLICATION.MICROSECONDS`: the number of its publication and the last ten digits of the wall clock at the
write. The receiver computes the latency from it.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from cache.redis_client import open_redis
from cache.redis_sink import RedisTickerSink
from instruments.instrument import Instrument
from instruments.migrations import migrate
from instruments.store import InstrumentStore
from rates.redis_keys import RedisKeys
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker

NAMES = RedisKeys(simulated=True)
CLOCK_PERIOD_US = 10**10
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def make_symbols(count: int) -> list[Symbol]:
    """Return `count` symbols in USDT; the prefix Q avoids those that a new database tracks."""
    return [
        Symbol(
            "Q" + _LETTERS[number // 676 % 26] + _LETTERS[number // 26 % 26] + _LETTERS[number % 26], "USDT"
        )
        for number in range(count)
    ]


def make_tickers(symbols: Sequence[Symbol], publication: int) -> list[Ticker]:
    """Return one ticker per symbol, observed now."""
    now_us = time.time_ns() // 1000
    now = datetime.fromtimestamp(now_us / 1e6, UTC)
    price = Decimal(f"{publication}.{now_us % CLOCK_PERIOD_US:010d}")
    bid, ask, one = Decimal("64999.99000000"), Decimal("65000.01000000"), Decimal("1.250")
    return [
        Ticker(
            source=Source.BINANCE,
            symbol=symbol,
            price=price,
            observed_at=now,
            observed_at_origin=ObservedAtOrigin.SOURCE,
            received_at=now,
            sequence=publication,
            bid=bid,
            ask=ask,
            change_percent_24h=one,
            high_24h=ask,
            low_24h=bid,
            volume_24h=Decimal("12345.67890000"),
            simulated=True,
        )
        for symbol in symbols
    ]


async def populate(redis_url: str, database_url: str, symbols: Sequence[Symbol]) -> None:
    """Track these instruments and write a first price for each."""
    await migrate(database_url)
    store = InstrumentStore(database_url)
    try:
        await store.add(Instrument(Source.BINANCE, each, "".join(each), each.base) for each in symbols)
    finally:
        await store.close()
    redis = open_redis(redis_url)
    try:
        # Of another database: the gateway would keep what this one lacks.
        await redis.delete(NAMES.instruments())
        await RedisTickerSink(redis, NAMES).write(make_tickers(symbols, 0))
    finally:
        await redis.aclose()
