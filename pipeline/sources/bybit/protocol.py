"""Bybit's protocol on one connection. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from instruments.instrument import Instrument
from pipeline.feeds.channel_monitor import ChannelMonitor, by_symbol
from pipeline.feeds.ping_timer import PingTimer
from pipeline.feeds.protocol import FeedEvent, SymbolActivity, SymbolRejected, SymbolTrades
from pipeline.feeds.subscription_state import LearnedSize, MessageRate, SubscriptionChange, SubscriptionState
from pipeline.sources.bybit.messages import (
    BybitBookEvent,
    BybitResponse,
    BybitTickerEvent,
    BybitTrades,
    parse_message,
)
from pipeline.sources.bybit.symbols import BOOK, TICKERS, TRADES, split_topic, topic, topics
from pipeline.sources.bybit.tickers import (
    BOOK_BOUND,
    BOOK_CADENCE_S,
    UNKNOWN,
    BestPrices,
    apply_book,
    to_last_trade,
    to_ticker,
    to_trade,
    with_quotes,
)
from pipeline.sources.trade_merger import TradeMerger
from rates.errors import SourceRateLimited
from rates.source import Source
from rates.symbol import Symbol

# Spot allows ten arguments per request. A hundred symbols take thirty requests, in six seconds.
TOPICS_PER_MESSAGE = 10
MESSAGE_RATES = (MessageRate(1, 0.2),)
# Bybit advises 20 s, and closes after 10 min of silence. The pong tells a quiet market from a dead socket.
PING, PING_S = '{"op":"ping"}', 10.0
RATE_LIMIT_COOLDOWN = timedelta(minutes=1)


class BybitProtocol:
    """Protocol state of one connection."""

    def __init__(self, *, simulated: bool, learned: LearnedSize | None = None) -> None:
        self._simulated = simulated
        self._subscriptions = SubscriptionState(
            Source.BYBIT, rates=MESSAGE_RATES, per_message=TOPICS_PER_MESSAGE, encode=_encode, learned=learned
        )
        self._pings = PingTimer(PING_S)
        self._symbols: dict[str, Symbol] = {}
        self._with_trades = False
        # The best prices, and when they arrived.
        self._best: dict[str, tuple[BestPrices, datetime]] = {}
        self._channels = ChannelMonitor({BOOK: BOOK_CADENCE_S})
        self._merger = TradeMerger(
            self._channels,
            ticker_channel=TICKERS,
            trade_channel=TRADES,
            bound=timedelta(seconds=Source.BYBIT.ttl_s),
            every_trade=True,
            by_trade_id=False,
        )

    def track(self, instruments: Sequence[Instrument]) -> None:
        self._symbols = {one.source_symbol: one.symbol for one in instruments}
        self._best = {
            source_symbol: best
            for source_symbol, best in self._best.items()
            if source_symbol in self._symbols
        }
        self._merger.retain(self._symbols)
        self._channels.retain(self._symbols)
        self._subscriptions.set_wanted(topics(self._symbols))

    def next_message(self, now: float) -> str | None:
        if silent := self._channels.advance(now):
            self._subscriptions.resubscribe(
                topic(channel, source_symbol) for source_symbol, channel in silent
            )
        if change := self._subscriptions.next_change(now):
            return _encode(change)
        return PING if self._pings.poll(now) else None

    def receive(self, frame: bytes, received_at: datetime) -> Sequence[FeedEvent]:
        match parse_message(frame):
            case BybitTickerEvent() as event:
                return self._on_ticker(event, received_at)
            case BybitBookEvent() as event:
                return self._on_book(event, received_at)
            case BybitTrades() as trades:
                return self._on_trades(trades, received_at)
            case BybitResponse() as response:
                return self._on_response(response, received_at)
        return ()

    def resubscribe(self, symbols: Iterable[Symbol]) -> None:
        wanted = set(symbols)
        self._subscriptions.resubscribe(
            topics(source_symbol for source_symbol, one in self._symbols.items() if one in wanted)
        )

    def silent_channels(self) -> Mapping[Symbol, str]:
        return by_symbol(self._channels.silent(), self._symbols)

    def deliver_trades(self) -> None:
        self._with_trades = True

    def traded_symbols(self) -> frozenset[Symbol]:
        return frozenset(
            symbol
            for source_symbol, symbol in self._symbols.items()
            if self._subscriptions.is_confirmed(topic(TRADES, source_symbol))
            and not self._channels.is_silent(source_symbol, TRADES)
        )

    def _on_ticker(self, event: BybitTickerEvent, received_at: datetime) -> Sequence[FeedEvent]:
        source_symbol = event.ticker.symbol
        symbol = self._symbols.get(source_symbol)
        if symbol is None:
            return ()
        best = self._current_best(source_symbol, received_at)
        ticker = to_ticker(event, best, symbol, received_at=received_at, simulated=self._simulated)
        return () if ticker is None else (self._merger.on_ticker(source_symbol, ticker),)

    def _on_trades(self, trades: BybitTrades, received_at: datetime) -> Sequence[FeedEvent]:
        # Several trades of one order follow each other in one message; the last one is the last price.
        raw = trades.entries[-1] if trades.entries else None
        symbol = self._symbols.get(raw.symbol) if raw else None
        if raw is None or symbol is None:
            return ()
        ticker = self._merger.on_trade(raw.symbol, to_last_trade(raw), received_at)
        event: FeedEvent = (
            SymbolActivity(symbol)
            if ticker is None
            else with_quotes(ticker, self._current_best(raw.symbol, received_at))
        )
        if not self._with_trades:
            return (event,)
        each = tuple(trade for one in trades.entries if one.symbol == raw.symbol and (trade := to_trade(one)))
        return (event, SymbolTrades(symbol, each, received_at)) if each else (event,)

    def _current_best(self, source_symbol: str, now: datetime) -> BestPrices:
        best, arrived_at = self._best.get(source_symbol, (UNKNOWN, now))
        return best if now - arrived_at <= BOOK_BOUND else UNKNOWN

    def _on_book(self, event: BybitBookEvent, received_at: datetime) -> Sequence[FeedEvent]:
        symbol = self._symbols.get(event.symbol)
        if symbol is None:
            return ()
        self._channels.on_message(event.symbol, BOOK)
        before, _ = self._best.get(event.symbol, (UNKNOWN, received_at))
        self._best[event.symbol] = apply_book(event, before), received_at
        # The book has no last trade, so that it makes no ticker. Its prices are part of the next one.
        return (SymbolActivity(symbol),)

    def _on_response(self, response: BybitResponse, received_at: datetime) -> Sequence[FeedEvent]:
        if response.error is not None and "too many" in response.error.lower():
            retry_at = received_at + RATE_LIMIT_COOLDOWN
            raise SourceRateLimited(Source.BYBIT, response.error[:160], retry_at=retry_at)
        if response.op == "unsubscribe":
            return ()
        # A message that was sent again, because its answer was late.
        if response.error is None or "already subscribed" in response.error.lower():
            self._subscriptions.confirm_request(response.number)
            return ()
        refused = self._subscriptions.reject_request(response.number, response.error)
        # A symbol whose book or trades are rejected still has a price.
        source_symbols = [name for channel, name in map(split_topic, refused) if channel == TICKERS]
        return [
            SymbolRejected(self._symbols[one], response.error)
            for one in source_symbols
            if one in self._symbols
        ]


def _encode(change: SubscriptionChange) -> str:
    operation = "subscribe" if change.is_subscribe else "unsubscribe"
    return msgspec.json.encode(
        {"req_id": str(change.number), "op": operation, "args": change.topics}
    ).decode()
