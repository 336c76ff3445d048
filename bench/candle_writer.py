"""The process that writes bars of one instrument to the log, as a push feed does.

    python -m bench.candle_writer REDIS_URL

It writes one batch at once: nobody is told of the second in which the first batch of a log comes, because its beginning is not known.
Each line on standard input (a publication number) requests another batch: the forming second with a new close, which is
`PUBLICATION.MICROSECONDS` as in `bench.market`. It ends with its standard input.
"""

import asyncio
import secrets
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bench.market import CLOCK_PERIOD_US, NAMES, make_symbols
from cache.redis_client import open_redis
from history.bar import Bar
from history.batch import BarBatch, InstrumentBar, InstrumentStart
from history.instrument_coverage import CoverageStart
from history.redis_log import RedisBarLog
from history.second_fold import SecondBar
from rates.source import Source

SETTLE = timedelta(seconds=1)


class CandleWriter:
    """Makes batches.

    Their second is the present one; the one before is closed with its last value.
    """

    def __init__(self, log: RedisBarLog) -> None:
        self._log, self._symbol = log, make_symbols(1)[0]
        # Batches of a session that is known already would be taken for known ones.
        self._session, self._number = f"bench-{secrets.token_hex(4)}", 0
        self._began_at = datetime.now(UTC)
        self._forming: SecondBar | None = None

    async def write(self, publication: int) -> None:
        """Write one batch."""
        now_us = time.time_ns() // 1000
        now = datetime.fromtimestamp(now_us / 1e6, UTC)
        close = Decimal(f"{publication}.{now_us % CLOCK_PERIOD_US:010d}")
        second = now.replace(microsecond=0)
        closed: tuple[InstrumentBar, ...] = ()
        if self._forming is not None and self._forming.open_time < second:
            closed = (InstrumentBar(self._symbol, self._forming),)
        one = Decimal(1)
        bar = Bar(close, close, close, close, one, close, 1, publication, publication, now, now)
        self._forming = SecondBar(second, bar)
        self._number += 1
        start = InstrumentStart(self._symbol, CoverageStart(self._began_at))
        batch = BarBatch(
            source=Source.BINANCE,
            session=self._session,
            number=self._number,
            folded_at=now,
            closed=closed,
            forming=(InstrumentBar(self._symbol, self._forming),),
            spans=(start,) if self._number == 1 else (),
            through=max(now - SETTLE, self._began_at),
            open_spans=(start,) if self._number % 100 == 1 else None,
            simulated=True,
        )
        if not await self._log.write(batch, ()):
            await self._log.claim(Source.BINANCE, self._session)
            await self._log.write(batch, ())


async def run(redis_url: str) -> None:
    """Write until standard input ends."""
    redis = open_redis(redis_url)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin.buffer
    )
    writer = CandleWriter(RedisBarLog(redis, NAMES))
    try:
        await writer.write(0)
        while line := await lines.readline():
            await writer.write(int(line))
    finally:
        await redis.aclose()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
