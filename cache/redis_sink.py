"""Write side of the Redis cache: one atomic script call per batch of tickers or per report."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from redis.asyncio import Redis

from cache.redis_client import read_script, translated_errors
from rates.clock import format_us
from rates.health import REPORT_LIFETIME, SourceReport
from rates.redis_keys import RedisKeys
from rates.ticker import Ticker
from rates.wire import encode_report, encode_ticker

# Longer than any TTL, so that "stale" differs from "never seen"; finite, so that keys of a removed source expire.
CACHE_LIFETIME = timedelta(days=7)


class RedisTickerSink:
    """A `TickerSink` on Redis. A client can resume if it is at most `stream_length` writes behind."""

    def __init__(self, redis: Redis, names: RedisKeys, *, stream_length: int) -> None:
        self._names = names
        self._stream_length = stream_length
        self._write = redis.register_script(read_script("cache", "write.lua"))
        self._report = redis.register_script(read_script("cache", "report.lua"))

    async def write(self, tickers: Sequence[Ticker]) -> int:
        if not tickers:
            return 0
        source = tickers[0].source
        names = self._names
        arguments: list[bytes | str | int] = [
            names.changes_channel(source),
            secrets.token_hex(8),
            self._stream_length,
            CACHE_LIFETIME // timedelta(milliseconds=1),
        ]
        for ticker in tickers:
            observed_us = format_us(ticker.observed_at)
            arguments += (str(ticker.symbol), observed_us, ticker.sequence, encode_ticker(ticker))
        keys = [names.head(source), names.cache(source), names.order(source), names.stream(source)]
        with translated_errors():
            return int(await self._write(keys=keys, args=arguments))

    async def report(self, report: SourceReport) -> None:
        names, source = self._names, report.source
        with translated_errors():
            await self._report(
                keys=[names.reports(source), names.reported(source)],
                args=[
                    names.reports_channel(source),
                    report.instance,
                    format_us(report.reported_at),
                    REPORT_LIFETIME // timedelta(microseconds=1),
                    encode_report(report),
                ],
            )
