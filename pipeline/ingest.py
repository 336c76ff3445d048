"""Validated writes: the only way of tickers into the cache. Rejected tickers are counted."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cache.ports import TickerSink
from pipeline.health import SourceHealth
from pipeline.validation import Rejection, find_rejection, latest_time
from rates.clock import Clock
from rates.errors import CacheUnavailable
from rates.source import ObservedAtOrigin
from rates.symbol import Symbol
from rates.ticker import Ticker
from runtime.clock.process_clock import ProcessClock


class Ingest:
    """Writes tickers that pass validation.

    `max_skew`: how far a source's clock may be ahead of ours. With a clock that is too wrong to be corrected, no ticker is valid.
    """

    def __init__(
        self,
        sink: TickerSink,
        health: SourceHealth,
        *,
        max_skew: timedelta,
        clock: Clock,
        process_clock: ProcessClock | None = None,
    ) -> None:
        self._sink = sink
        self._health = health
        self._max_skew = max_skew
        self._clock = clock
        self._process_clock = process_clock or ProcessClock(None)
        # The last ticker of each symbol that was accepted.
        self._valid: dict[Symbol, Ticker] = {}

    def validate(self, tickers: Sequence[Ticker]) -> list[Ticker]:
        """Return the valid tickers, and count the others by the reason for their rejection."""
        now, is_fit = self._clock(), self._process_clock.state.is_fit
        self._record_event_time(tickers)
        known, max_skew, accepted = self._valid, self._max_skew, list[Ticker]()
        for ticker in tickers:
            symbol = ticker.symbol
            rejection = (
                find_rejection(ticker, now=now, max_skew=max_skew, valid=known.get(symbol))
                if is_fit
                else Rejection.CLOCK_WRONG
            )
            if rejection is None:
                self._health.record_accepted()
                known[symbol] = ticker
                accepted.append(ticker)
            else:
                what = f"{symbol} {ticker.price} of {ticker.observed_at}"
                ahead = latest_time(ticker) - now if rejection is Rejection.FROM_THE_FUTURE else None
                self._health.record_rejection(rejection, what, ahead=ahead)
        return accepted

    def _record_event_time(self, tickers: Sequence[Ticker]) -> None:
        latest: datetime | None = None
        for each in tickers:
            if each.observed_at_origin is ObservedAtOrigin.SOURCE and (
                latest is None or each.observed_at > latest
            ):
                latest = each.observed_at
        if latest is not None:
            self._process_clock.event_times.record(self._health.source, latest)

    async def write(self, tickers: Sequence[Ticker]) -> int:
        """Write the valid tickers. Returns how many were newer than the cached ones.

        Raises:
            CacheUnavailable: it is unknown whether any was stored.
        """
        valid = self.validate(tickers)
        try:
            stored = await self._sink.write(valid)
        except CacheUnavailable as exc:
            self._health.record_cache_error("write", exc)
            raise
        self._health.record_cache_error("write", None)
        return stored
