"""Validated writes: the only way of tickers into the cache. Rejected tickers are counted."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cache.ports import TickerSink
from pipeline.health import SourceHealth
from pipeline.validation import Rejection, find_rejection
from rates.clock import Clock
from rates.ticker import Ticker

# So many tickers in a row from the future, with none between them that is not, are no accident of one message.
SUSPECT_CLOCK = 20


class Ingest:
    """Writes tickers that pass validation.

    `max_skew`: how far a source's clock may be ahead of ours.
    """

    def __init__(self, sink: TickerSink, health: SourceHealth, *, max_skew: timedelta, clock: Clock) -> None:
        self._sink = sink
        self._health = health
        self._max_skew = max_skew
        self._clock = clock
        self._from_the_future = 0

    def validate(self, tickers: Sequence[Ticker]) -> list[Ticker]:
        """Return the valid tickers, and count the others by the reason for their rejection."""
        now = self._clock()
        valid = []
        for ticker in tickers:
            rejection = find_rejection(ticker, now=now, max_skew=self._max_skew)
            if rejection is None:
                valid.append(ticker)
                self._record_current()
            else:
                if rejection is Rejection.FROM_THE_FUTURE:
                    self._record_from_the_future(ticker, now)
                what = f"{ticker.symbol} {ticker.price} of {ticker.observed_at}"
                self._health.record_rejection(rejection, what)
        return valid

    def _record_from_the_future(self, ticker: Ticker, now: datetime) -> None:
        times = (ticker.observed_at, ticker.quoted_at, ticker.last_trade_at)
        ahead = max(at for at in times if at is not None) - now
        self._from_the_future += 1
        count = self._from_the_future
        # The notice is renewed at doubled counts only, because each change of it is logged and reported.
        if count >= SUSPECT_CLOCK and (count == SUSPECT_CLOCK or count & (count - 1) == 0):
            self._health.set_notice(
                "clock",
                f"all of the last {count} are from {ahead.total_seconds():.0f} s in the future: "
                "is this machine's clock right?",
            )

    def _record_current(self) -> None:
        if self._from_the_future:
            self._from_the_future = 0
            self._health.set_notice("clock", None)

    async def write(self, tickers: Sequence[Ticker]) -> int:
        """Write the valid tickers. Returns how many were newer than the cached ones.

        Raises:
            CacheUnavailable: it is unknown whether any was stored.
        """
        return await self._sink.write(self.validate(tickers))
