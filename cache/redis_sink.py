"""Write side of the Redis cache: one atomic script call per batch of tickers or per report."""

import secrets
from collections.abc import Iterator, Sequence
from datetime import timedelta

import structlog

from cache.redis_client import ClusterRedis, LuaScript, RedisClient, ScriptArgument, read_script
from rates.health import REPORT_LIFETIME, SourceReport
from rates.redis_keys import RedisKeys
from rates.report_wire import encode_report
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker
from rates.ticker_encoder import TickerEncoder

# Longer than any TTL, so that "stale" differs from "never seen"; finite, so that keys of a removed source expire.
CACHE_LIFETIME = timedelta(days=7)
# Tickers per script call when all are written again: a call takes a few milliseconds, during which Redis does nothing else.
BATCH_SIZE = 500

log = structlog.get_logger("ratewire.cache")


class RedisTickerSink:
    """A `TickerSink` on Redis.

    Keeps the newest ticker of each symbol that it has written. When Redis begins a new epoch, because its data was lost
    or a failover may have dropped the last writes, the sink writes them all again: the cache keeps only what is newer.
    """

    def __init__(self, redis: RedisClient, names: RedisKeys) -> None:
        self._names = names
        self._is_sharded = int(isinstance(redis, ClusterRedis))
        self._write = LuaScript(redis, read_script("cache", "epoch.lua", "write.lua"))
        self._report = LuaScript(redis, read_script("cache", "epoch.lua", "report.lua"))
        self._encoders: dict[Source, TickerEncoder] = {}
        self._written: dict[Source, dict[Symbol, Ticker]] = {}
        self._epochs: dict[Source, bytes] = {}

    async def write(self, tickers: Sequence[Ticker]) -> int:
        if not tickers:
            return 0
        source = tickers[0].source
        stored, epoch = await self._write_batch(source, tickers)
        self._remember(source, tickers)
        await self._follow_epoch(source, epoch)
        return stored

    async def report(self, report: SourceReport) -> None:
        names, source = self._names, report.source
        epoch = await self._report.run(
            [
                names.reports(source),
                names.reported(source),
                names.head(source),
                names.cache(source),
                names.order(source),
            ],
            [
                names.reports_channel(source),
                self._is_sharded,
                secrets.token_hex(8),
                report.instance,
                REPORT_LIFETIME // timedelta(microseconds=1),
                encode_report(report),
            ],
        )
        await self._follow_epoch(source, epoch)

    async def _write_batch(self, source: Source, tickers: Sequence[Ticker]) -> tuple[int, bytes]:
        names, encode = self._names, self._encoders.setdefault(source, TickerEncoder()).encode
        arguments: list[ScriptArgument] = [
            names.changes_channel(source),
            self._is_sharded,
            secrets.token_hex(8),
            CACHE_LIFETIME // timedelta(milliseconds=1),
        ]
        for ticker in tickers:
            data, observed_us, traded_us = encode(ticker)
            arguments += (
                str(ticker.symbol),
                observed_us,
                ticker.sequence,
                "" if traded_us is None else traded_us,
                data[1:],
            )
        keys = [names.head(source), names.cache(source), names.order(source)]
        stored, epoch = await self._write.run(keys, arguments)
        return int(stored), epoch

    def _remember(self, source: Source, tickers: Sequence[Ticker]) -> None:
        written = self._written.setdefault(source, {})
        for ticker in tickers:
            known = written.get(ticker.symbol)
            if known is None or ticker.is_newer_than(known):
                written[ticker.symbol] = ticker

    async def _follow_epoch(self, source: Source, epoch: bytes) -> None:
        """Write everything again if `epoch` is not the one of the last call."""
        known = self._epochs.get(source)
        if known is not None and known != epoch:
            log.warning(
                "new epoch, writing all tickers again", source=source, tickers=len(self._written[source])
            )
            for batch in _batches(list(self._written[source].values())):
                _, epoch = await self._write_batch(source, batch)
        if source in self._written:
            self._epochs[source] = epoch


def _batches(tickers: Sequence[Ticker]) -> Iterator[Sequence[Ticker]]:
    return (tickers[start : start + BATCH_SIZE] for start in range(0, len(tickers), BATCH_SIZE))
