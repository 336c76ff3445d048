"""Live trades: the instruments of all `trades` subscriptions, and how a subscription begins."""

from typing import TypeVar
from weakref import WeakValueDictionary

from gateway.queries.candles.series_index import SeriesIndex
from gateway.state.recent_trades import RecentTrades
from gateway.state.trade_mirror import TradeMirror
from gateway.subscriptions.cohort import FanOut, PayloadEncoder, Subscriber
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.live_query_registry import LiveQueryRegistry
from gateway.subscriptions.trades_cohort import LiveTradesQuery, TradesCohort
from gateway.subscriptions.trades_event import (
    LiveTradesArgs,
    TradesEvent,
    check_live_trades,
    parse_trades_cursor,
)
from history.trade import Trade, TradeId
from rates.errors import CacheUnavailable, HistoryUnavailable
from rates.ticker import TickerKey

PayloadT = TypeVar("PayloadT")


class LiveTrades:
    """All live trades of a gateway. Instruments without subscriptions are not followed."""

    def __init__(
        self, fan_out: FanOut, registry: LiveQueryRegistry, mirror: TradeMirror, index: SeriesIndex
    ) -> None:
        self._fan_out, self._registry = fan_out, registry
        self._mirror, self._index = mirror, index
        self._instruments: WeakValueDictionary[TickerKey, RecentTrades] = WeakValueDictionary()

    @property
    def instrument_count(self) -> int:
        """The instruments whose trades are kept."""
        return sum(1 for each in self._instruments.values() if each.holders)

    def check(self, query: LiveTradesArgs, after: str | None) -> None:
        """Raise what `subscribe` would raise at once.

        Raises:
            InvalidArgument, InvalidCursor: an argument is out of range.
            UnknownSymbol: the source does not track the symbol.
            HistoryUnavailable: this gateway has no trades.
        """
        check_live_trades(query)
        if after:
            parse_trades_cursor(after, query.key)
        self._index.require_tracked(query.key)
        if not self._mirror.exists:
            raise HistoryUnavailable("this gateway has no trades")

    async def subscribe(
        self, live_query: LiveTradesQuery[PayloadT], subscriber: Subscriber[PayloadT], after: str | None
    ) -> None:
        """Deliver the last trades, then each that follows, once they were read.

        Raises:
            HistoryUnavailable: they cannot be read in time.
        """
        trades, mirror = live_query.trades, self._mirror
        mirror.hold(trades)
        try:
            if not trades.is_loaded:
                await mirror.load(trades)
            number = None
            if after:
                number = await self._find(trades, parse_trades_cursor(after, trades.key))
            cohort = TradesCohort(self._fan_out, live_query)
            cohort.register(subscriber)
            cohort.open(after or "", number)
        except CacheUnavailable as exc:
            # What the client of Redis says names hosts.
            raise HistoryUnavailable("the trades could not be read: try again later") from exc
        finally:
            mirror.release(trades)

    def make_query(
        self,
        query: LiveTradesArgs,
        options: DeliveryOptions,
        encoder: PayloadEncoder[TradesEvent, PayloadT],
    ) -> LiveTradesQuery[PayloadT]:
        """Return the live query that equal subscriptions share.

        Raises:
            TooManyLiveQueries: a limit of the process is reached.
        """
        return self._registry.get_or_create(
            (encoder, query, options),
            lambda: LiveTradesQuery(
                query, self._find_instrument(query.key), self._mirror, options=options, encoder=encoder
            ),
        )

    def _find_instrument(self, key: TickerKey) -> RecentTrades:
        known = self._instruments.get(key)
        if known is None:
            known = self._instruments[key] = RecentTrades(key)
        return known

    async def _find(self, trades: RecentTrades, trade_id: TradeId | None) -> int | None:
        """Return the number of the trade after which a client resumes.

        `None` if it is not known, or if others may be missing since. It may be older than those that are kept.
        """
        if trade_id is None:
            # Nothing was ever known then.
            return trades.count if trades.last_id is None else None
        number = trades.find(trade_id)
        if number is None:
            # It may be on the tape still, or this gateway may be behind the one of the cursor.
            taped = await self._mirror.read(trades)
            number = _locate(trades, taped, trade_id)
        return None if number is None or trades.last_gap > number else number


def _locate(trades: RecentTrades, taped: list[Trade], trade_id: TradeId) -> int | None:
    """Return the number of a trade on the tape; `None` if others may be missing after it."""
    places = [place for place, one in enumerate(taped) if one.id == trade_id]
    if not places or any(one.after_gap for one in taped[places[-1] + 1 :]):
        return None
    last = trades.find(taped[-1].id)
    return None if last is None else last - (len(taped) - 1 - places[-1])
