"""The process that writes prices through the product's own sink.

    python -m bench.writer REDIS_URL SYMBOLS GROUPS INTERVAL_MS

It writes the first SYMBOLS instruments in GROUPS groups, one group per write. With INTERVAL_MS 0, each line on standard
input (a publication number) requests one write; otherwise the first line starts one write per interval, and -1 means as
fast as Redis accepts them. It ends with its standard input, and reports the number of written tickers regularly.
"""

import asyncio
import sys
import time

from bench.market import NAMES, make_symbols, make_tickers
from cache.redis_client import open_redis
from cache.redis_sink import RedisTickerSink

# The first line that it prints.
READY = "ready"
REPORT_INTERVAL_S = 0.25


class Writer:
    """Writes the groups in turn."""

    def __init__(self, sink: RedisTickerSink, symbols: int, groups: int) -> None:
        all_symbols = make_symbols(symbols)
        self._sink = sink
        # Symbol i belongs to group i mod GROUPS.
        self._groups = [all_symbols[number::groups] for number in range(groups)]
        self._written = 0
        self._reported_at = 0.0

    async def write(self, publication: int) -> None:
        group = self._groups[publication % len(self._groups)]
        self._written += await self._sink.write(make_tickers(group, publication))
        if time.monotonic() - self._reported_at > REPORT_INTERVAL_S:
            self._reported_at = time.monotonic()
            sys.stdout.write(f"{self._reported_at:.6f} {self._written}\n")
            sys.stdout.flush()


async def run(redis_url: str, symbols: int, groups: int, interval_ms: float) -> None:
    """Write until standard input ends."""
    redis = open_redis(redis_url)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin.buffer
    )
    writer = Writer(RedisTickerSink(redis, NAMES), symbols, groups)
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    try:
        if interval_ms:
            await lines.readline()
            await _write_at_interval(writer, lines, interval_ms)
        else:
            while line := await lines.readline():
                await writer.write(int(line))
    finally:
        await redis.aclose()


async def _write_at_interval(writer: Writer, lines: asyncio.StreamReader, interval_ms: float) -> None:
    end = asyncio.create_task(lines.read())
    publication, due = 1, time.monotonic()
    while not end.done():
        await writer.write(publication)
        publication += 1
        # Late writes are not caught up: a burst would measure something else.
        due = max(due + max(interval_ms, 0) / 1000, time.monotonic())
        await asyncio.wait([end], timeout=max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
