"""The only way into the cache: validated, refusals counted."""

from collections.abc import Sequence
from datetime import timedelta

from cache.ports import TickerSink
from pipeline.health import SourceHealth
from pipeline.validation import find_rejection
from rates.clock import Clock
from rates.ticker import Ticker


class Ingest:
    """Writes what passes validation; `max_skew` is how far a source's clock may be ahead of ours."""

    def __init__(self, sink: TickerSink, health: SourceHealth, *, max_skew: timedelta, clock: Clock) -> None:
        self._sink = sink
        self._health = health
        self._max_skew = max_skew
        self._clock = clock

    def admit(self, tickers: Sequence[Ticker]) -> list[Ticker]:
        """Those that may be stored; the others are counted."""
        now = self._clock()
        admitted = []
        for ticker in tickers:
            refusal = find_rejection(ticker, now=now, max_skew=self._max_skew)
            if refusal is None:
                admitted.append(ticker)
            else:
                self._health.record_rejection(
                    refusal, f"{ticker.symbol} {ticker.price} of {ticker.observed_at}"
                )
        return admitted

    async def write(self, tickers: Sequence[Ticker]) -> int:
        """Store those that may be stored; how many were newer than what was there.

        Raises:
            CacheUnavailable: nothing is known to be stored.
        """
        return await self._sink.write(self.admit(tickers))
