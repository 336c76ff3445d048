"""Conflation for push feeds: writes the newest ticker per symbol once per flush interval."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta

import msgspec
import structlog

from cache.ports import TickerSink
from rates.clock import EPOCH, Clock
from rates.errors import CacheUnavailable
from rates.symbol import Symbol
from rates.ticker import Ticker


class WriteBuffer:
    """Holds at most one ticker per symbol until the cache has stored it.

    A written ticker says how many earlier ones it replaced here since the last write (`Ticker.merged`). `on_written` is called
    after each write, with the error of a failed one; `before_flush` before each, to `put` what was read.
    With a `clock`, writes are at multiples of the interval by it, as those of bars, so that both share what is done before.
    """

    def __init__(
        self,
        sink: TickerSink,
        *,
        interval: timedelta,
        on_written: Callable[[CacheUnavailable | None], None] = lambda _: None,
        before_flush: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
    ) -> None:
        self._sink = sink
        self._on_written, self._before_flush = on_written, before_flush
        self._clock = clock
        self._interval = interval
        self._newest: dict[Symbol, Ticker] = {}
        self._pending: dict[Symbol, Ticker] = {}
        self._replaced: dict[Symbol, int] = {}
        self._filled = asyncio.Event()
        self._log = structlog.get_logger("ratewire.flush")
        self._is_away = False

    def put(self, tickers: Iterable[Ticker]) -> None:
        """Add tickers to the next write. Per symbol, only a ticker newer than all before it is kept.

        While one connection replaces another, both deliver the same tickers.
        """
        newest, pending = self._newest, self._pending
        for ticker in tickers:
            symbol = ticker.symbol
            known = newest.get(symbol)
            if known is None or ticker.is_newer_than(known):
                if symbol in pending:
                    count = 1 + pending[symbol].merged
                    self._replaced[symbol] = self._replaced.get(symbol, 0) + count
                newest[symbol] = pending[symbol] = ticker
        if pending:
            self._filled.set()

    def wake(self) -> None:
        """Write after the interval, because there will be something to `put` before."""
        self._filled.set()

    async def flush_forever(self) -> None:
        """Write once per interval while there is something to write, until cancelled."""
        while True:
            await self._filled.wait()
            await asyncio.sleep(self._wait().total_seconds())
            await self.flush()

    def _wait(self) -> timedelta:
        if self._clock is None:
            return self._interval
        return self._interval - (self._clock() - EPOCH) % self._interval

    async def flush(self) -> None:
        """Write the pending tickers now. They stay pending if the cache is unavailable."""
        self._before_flush()
        batch, self._pending = self._pending, {}
        replaced, self._replaced = self._replaced, {}
        self._filled.clear()
        try:
            await self._sink.write(
                [_with_merged(each, replaced.get(each.symbol, 0)) for each in batch.values()]
            )
        except CacheUnavailable as exc:
            self._on_written(exc)
            self._log_away(exc)
            self._put_back(batch, replaced)
        except asyncio.CancelledError:
            # Whether it was written is unknown. Writing it twice is harmless, because the cache keeps only newer tickers.
            self._put_back(batch, replaced)
            raise
        else:
            self._on_written(None)
            self._log_back()

    def _put_back(self, batch: dict[Symbol, Ticker], replaced: dict[Symbol, int]) -> None:
        for symbol, ticker in batch.items():
            again = 1 + ticker.merged if symbol in self._pending else 0
            count = replaced.get(symbol, 0) + self._replaced.get(symbol, 0) + again
            if count:
                self._replaced[symbol] = count
        self._pending = batch | self._pending
        if self._pending:
            self._filled.set()

    def _log_away(self, exc: CacheUnavailable) -> None:
        if not self._is_away:
            self._log.warning("cache away, keeping the newest per symbol", error=str(exc))
        self._is_away = True

    def _log_back(self) -> None:
        if self._is_away:
            self._log.info("cache back")
        self._is_away = False


def _with_merged(ticker: Ticker, count: int) -> Ticker:
    return msgspec.structs.replace(ticker, merged=ticker.merged + count) if count else ticker
