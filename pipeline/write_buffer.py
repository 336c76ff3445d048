"""Conflation for push feeds: the newest ticker per symbol, written together every flush interval."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import structlog

from cache.ports import TickerSink
from rates.errors import CacheUnavailable
from rates.symbol import Symbol
from rates.ticker import Ticker


class WriteBuffer:
    """Holds at most one ticker per symbol until the cache has taken it, however long that is away."""

    def __init__(self, sink: TickerSink, *, interval: timedelta) -> None:
        self._sink = sink
        self._interval = interval
        self._newest: dict[Symbol, Ticker] = {}
        self._pending: dict[Symbol, Ticker] = {}
        self._filled = asyncio.Event()
        self._log = structlog.get_logger("ratewire.flush")
        self._away = False

    def put(self, tickers: Iterable[Ticker]) -> None:
        """Take these for the next write; of several of one symbol the newest stays, and none that is no news any more: while
        one connection takes over from another, both deliver the same.
        """
        for ticker in tickers:
            known = self._newest.get(ticker.symbol)
            if known is None or ticker.is_newer_than(known):
                self._newest[ticker.symbol] = self._pending[ticker.symbol] = ticker
        if self._pending:
            self._filled.set()

    async def flush_forever(self) -> None:
        """Write every interval, as long as there is something, until cancelled."""
        while True:
            await self._filled.wait()
            await asyncio.sleep(self._interval.total_seconds())
            await self.flush()

    async def flush(self) -> None:
        """Write what is pending now; when the cache is away, it stays pending."""
        batch, self._pending = self._pending, {}
        self._filled.clear()
        try:
            await self._sink.write(tuple(batch.values()))
        except CacheUnavailable as exc:
            self._note_away(exc)
            self._put_back(batch)
        except asyncio.CancelledError:
            # Whether it was written is unknown; the cache keeps only what is newer, so twice does no harm.
            self._put_back(batch)
            raise
        else:
            self._note_back()

    def _put_back(self, batch: dict[Symbol, Ticker]) -> None:
        self._pending = batch | self._pending
        if self._pending:
            self._filled.set()

    def _note_away(self, exc: CacheUnavailable) -> None:
        if not self._away:
            self._log.warning("cache away, keeping the newest per symbol", error=str(exc))
        self._away = True

    def _note_back(self) -> None:
        if self._away:
            self._log.info("cache back")
        self._away = False
