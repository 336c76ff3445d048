"""Live candles and trades of a gateway. Both are read before a subscription begins."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, NamedTuple

import structlog

from gateway.queries.candles.series_index import SeriesIndex
from gateway.state.trade_mirror import TradeMirror
from gateway.subscriptions.candles_event import LiveCandlesArgs
from gateway.subscriptions.cohort import FanOut, PayloadEncoder, Subscriber
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.live_candles import CandleServices, LiveCandles
from gateway.subscriptions.live_query_registry import LiveQueryRegistry
from gateway.subscriptions.live_trades import LiveTrades
from gateway.subscriptions.pull import Resuming
from gateway.subscriptions.trades_event import LiveTradesArgs
from rates.clock import Clock
from rates.errors import HistoryUnavailable
from runtime.backoff import Backoff

HistoryQuery = LiveCandlesArgs | LiveTradesArgs
# A subscription whose beginning could not be read tries again, each time after a read of some seconds.
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=1), timedelta(seconds=5)

log = structlog.get_logger("ratewire.gateway.history")


class HistoryServices(NamedTuple):
    """Sources of live candles and trades."""

    candles: CandleServices
    trades: TradeMirror
    instruments: SeriesIndex


class LiveHistory:
    """All live candles and trades of a gateway."""

    def __init__(
        self, fan_out: FanOut, registry: LiveQueryRegistry, services: HistoryServices, *, clock: Clock
    ) -> None:
        self.candles = LiveCandles(fan_out, registry, services.candles, clock=clock)
        self.trades = LiveTrades(fan_out, registry, services.trades, services.instruments)

    def check(self, query: HistoryQuery, after: str | None) -> None:
        """Raise what `subscribe` would raise at once."""
        if isinstance(query, LiveTradesArgs):
            self.trades.check(query, after)
        else:
            self.candles.check(query, after)

    def subscribe(
        self,
        query: HistoryQuery,
        options: DeliveryOptions,
        encoder: PayloadEncoder[Any, Any],
        subscriber: Subscriber[Any],
        *,
        after: str | None,
    ) -> Resuming:
        """Deliver candles or trades, then what follows, once the returned coroutine has run.

        It waits until they can be read: a slow database or log ends no subscription.

        Raises:
            InvalidCursor, InvalidArgument: an argument is out of range.
            UnknownSymbol: the source of trades does not track the symbol.
            HistoryUnavailable: this gateway has no history.
            TooManyLiveQueries: a limit of the process is reached.
        """
        if isinstance(query, LiveTradesArgs):
            self.trades.check(query, after)
            live_trades = self.trades.make_query(query, options, encoder)
            return _retry(lambda: self.trades.subscribe(live_trades, subscriber, after), query)
        since = self.candles.check(query, after)
        live_candles = self.candles.make_query(query, options, encoder)
        return _retry(lambda: self.candles.subscribe(live_candles, subscriber, after, since), query)


async def _retry(begin: Callable[[], Awaitable[None]], query: HistoryQuery) -> None:
    """Begin a subscription as soon as the history can be read."""
    backoff, failures = Backoff(FIRST_RETRY, LONGEST_RETRY), 0
    while True:
        try:
            await begin()
        except HistoryUnavailable as exc:
            failures += 1
            if failures == 1:
                log.warning("a subscription waits for the history", query=str(query), error=str(exc))
            await asyncio.sleep(backoff.next_wait().total_seconds())
        else:
            if failures:
                log.info("the subscription has begun", query=str(query), failures=failures)
            return
