"""The conflating buffer between a push feed and the cache."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import msgspec

from pipeline.write_buffer import WriteBuffer
from rates.clock import EPOCH
from rates.errors import CacheUnavailable
from rates.ticker import Ticker
from tests.pipeline.fakes import BTC, ETH, START, FakeSink, ticker, until
from tests.virtual_time import run_virtually

SECOND = timedelta(seconds=1)


def prices(sink: FakeSink) -> list[list[Decimal]]:
    return [[one.price for one in batch] for batch in sink.batches]


async def test_the_newest_ticker_of_each_symbol_is_written_in_one_batch() -> None:
    """Intermediate values are skipped, and a late one does not replace a newer one."""
    sink = FakeSink()
    buffer = WriteBuffer(sink, interval=SECOND)
    buffer.put([ticker(BTC, "1"), ticker(ETH, "10")])
    buffer.put([ticker(BTC, "3", observed_at=START + 2 * SECOND)])
    buffer.put([ticker(BTC, "2", observed_at=START + SECOND)])
    await buffer.flush()
    assert prices(sink) == [[Decimal(3), Decimal(10)]]


async def test_tickers_wait_for_an_unavailable_cache() -> None:
    """At most one per symbol is kept, and newer ones replace them."""
    sink = FakeSink()
    buffer = WriteBuffer(sink, interval=SECOND)
    sink.failure = CacheUnavailable("Redis: away")
    buffer.put([ticker(BTC, "1"), ticker(ETH, "10")])
    await buffer.flush()
    buffer.put([ticker(BTC, "2", observed_at=START + SECOND)])
    await buffer.flush()
    sink.failure = None
    await buffer.flush()
    assert sorted(one.price for one in sink.tickers) == [Decimal(2), Decimal(10)]


async def test_a_ticker_counts_the_earlier_ones_that_it_replaced() -> None:
    """Since the last write, failed ones included; late and repeated ones replaced nothing."""
    sink = FakeSink()
    buffer = WriteBuffer(sink, interval=SECOND)

    def put(*seconds: int) -> None:
        for second in seconds:
            buffer.put([ticker(BTC, str(second + 1), observed_at=START + second * SECOND)])

    put(0, 1, 2, 1, 2)
    buffer.put([ticker(ETH, "10")])
    await buffer.flush()
    assert {one.symbol: one.merged for one in sink.tickers} == {BTC: 2, ETH: 0}
    put(3)
    await buffer.flush()
    assert sink.tickers[-1].merged == 0
    sink.failure = CacheUnavailable("Redis: away")
    put(4, 5)
    await buffer.flush()
    put(6, 7)
    sink.failure = None
    await buffer.flush()
    assert (sink.tickers[-1].price, sink.tickers[-1].merged) == (Decimal(8), 3)


async def test_it_writes_once_per_interval_if_there_is_something() -> None:
    """And not otherwise."""
    sink = FakeSink()
    buffer = WriteBuffer(sink, interval=timedelta(milliseconds=1))
    flusher = asyncio.create_task(buffer.flush_forever())
    try:
        buffer.put([])
        buffer.put([ticker(BTC, "1")])
        await until(lambda: len(sink.batches) == 1)
        buffer.put([ticker(BTC, "2", observed_at=START + SECOND)])
        await until(lambda: len(sink.batches) == 2)
    finally:
        flusher.cancel()
        await asyncio.wait([flusher])
    assert prices(sink) == [[Decimal(1)], [Decimal(2)]]


async def test_a_cancelled_write_is_not_lost() -> None:
    """The last flush writes it."""
    begun = asyncio.Event()

    class StuckSink(FakeSink):
        stuck = True

        async def write(self, tickers: Sequence[Ticker]) -> int:
            if self.stuck:
                begun.set()
                await asyncio.Event().wait()
            return await super().write(tickers)

    sink = StuckSink()
    buffer = WriteBuffer(sink, interval=SECOND)
    buffer.put([ticker(BTC, "1")])
    flush = asyncio.create_task(buffer.flush())
    await asyncio.wait_for(begun.wait(), 60)
    flush.cancel()
    await asyncio.wait([flush])
    sink.stuck = False
    await buffer.flush()
    assert prices(sink) == [[Decimal(1)]]


async def test_a_ticker_that_stands_for_others_counts_them_too() -> None:
    """Whether it is written or replaced, and after a failed write as well."""
    sink = FakeSink()
    buffer = WriteBuffer(sink, interval=SECOND)
    buffer.put([msgspec.structs.replace(ticker(BTC, "1"), merged=3)])
    buffer.put([msgspec.structs.replace(ticker(BTC, "2", observed_at=START + SECOND), merged=2)])
    sink.failure = CacheUnavailable("Redis: away")
    await buffer.flush()
    buffer.put([ticker(BTC, "3", observed_at=START + 2 * SECOND)])
    sink.failure = None
    await buffer.flush()
    assert [one.merged for one in sink.tickers] == [7]


async def test_what_waits_is_put_before_each_write() -> None:
    """After somebody said that something waits."""
    sink = FakeSink()
    buffer = WriteBuffer(
        sink, interval=timedelta(milliseconds=1), before_flush=lambda: buffer.put([ticker(BTC, "1")])
    )
    task = asyncio.create_task(buffer.flush_forever())
    try:
        await asyncio.sleep(0)
        assert not sink.batches
        buffer.wake()
        await until(lambda: sink.batches)
    finally:
        task.cancel()
    assert prices(sink)[0] == [Decimal(1)]


def test_writes_are_at_multiples_of_the_interval_by_the_clock() -> None:
    """As bars are taken, so that what is done before is done once for both."""

    async def run() -> list[float]:
        loop = asyncio.get_running_loop()
        times, start = list[float](), loop.time()
        sink = FakeSink()
        buffer = WriteBuffer(
            sink,
            interval=SECOND,
            clock=lambda: EPOCH + timedelta(seconds=100.3 + loop.time() - start),
            on_written=lambda _: times.append(round(loop.time() - start, 3)),
        )
        task = asyncio.create_task(buffer.flush_forever())
        for wait in (0, 0.9, 2):
            await asyncio.sleep(wait)
            buffer.wake()
        await asyncio.sleep(2)
        task.cancel()
        return times

    assert run_virtually(run()) == [0.7, 1.7, 3.7]
