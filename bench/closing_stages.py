"""The way of a closing from the push feed to a client, in stages."""

import time
from collections import defaultdict
from datetime import datetime

import msgspec
from redis.asyncio import Redis

from cache.redis_client import open_redis
from cache.redis_subscription import open_subscription
from history.second_fold import CLOSE_AFTER
from rates.redis_keys import RedisKeys
from rates.source import Source

# Sources with trades.
SOURCES = (Source.BINANCE, Source.COINBASE, Source.KRAKEN, Source.OKX, Source.BYBIT)


class TimedBatch(msgspec.Struct):
    """The parts of a batch that say whose it is, and when it was made."""

    source: Source
    folded_at: datetime


class ClosingStages:
    """The ways of closings, in ms, by source.

    `folded`: from the end of a second until the batch that closes it, `written`: until a subscriber of Redis has the batch, `told`: from
    then on until the client has a candle that ends there.
    """

    def __init__(self) -> None:
        self.folded: dict[Source, list[float]] = defaultdict(list)
        self.written: dict[Source, list[float]] = defaultdict(list)
        self.told: dict[Source, list[float]] = defaultdict(list)
        self._arrived: dict[Source, dict[float, float]] = defaultdict(dict)

    async def read(self, url: str) -> None:
        """Record the batches of all sources, until cancelled."""
        redis, decoder = open_redis(url), msgspec.json.Decoder(TimedBatch)
        assert isinstance(redis, Redis)
        channels = [RedisKeys(simulated=True).bars_channel(source) for source in SOURCES]
        try:
            async with open_subscription(redis, [channels]) as messages:
                async for _, data in messages:
                    self.take(decoder.decode(data), time.time())
        finally:
            await redis.aclose()

    def take(self, batch: TimedBatch, now: float) -> None:
        """Record a batch that came at `now`."""
        folded_at = batch.folded_at.timestamp()
        end = (batch.folded_at - CLOSE_AFTER).replace(microsecond=0).timestamp()
        arrived = self._arrived[batch.source]
        is_first, is_known = not arrived, end in arrived
        if not is_known:
            arrived[end] = now
        # The first batch that is seen may not be the one that closes.
        if not (is_first or is_known):
            self.folded[batch.source].append((folded_at - end) * 1_000)
            self.written[batch.source].append((now - end) * 1_000)

    def note(self, source: Source, end: float, now: float) -> None:
        """Record that a candle that ends at `end` was told to be closed."""
        if (arrived := self._arrived[source].get(end)) is not None:
            self.told[source].append((now - arrived) * 1_000)
