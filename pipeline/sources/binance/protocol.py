"""Binance's market streams as a `FeedProtocol`: three streams per symbol. Pure.

Event times come from `@trade` and `@ticker`; `@bookTicker` has none (docs/decisions/0007). There is no replay and no snapshot
after subscribing, so that a quiet symbol sends nothing at first.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from instruments.instrument import Instrument
from pipeline.feeds.channel_monitor import ChannelMonitor, by_symbol
from pipeline.feeds.protocol import FeedEvent, GoingAway, SymbolRejected, SymbolTrades
from pipeline.feeds.subscription_state import LearnedSize, MessageRate, SubscriptionChange, SubscriptionState
from pipeline.sources.binance.messages import (
    BinanceBookTicker,
    BinanceDayTicker,
    BinanceShutdown,
    BinanceTrade,
    StreamResponse,
    parse_stream_frame,
    parse_trade_frame,
)
from pipeline.sources.binance.symbols import TRADES, parse_stream_name, stream_name, stream_names
from pipeline.sources.binance.ticker_merger import CollectedTrades, TickerMerger, check_event
from pipeline.sources.binance.tickers import to_trade
from rates.clock import format_us
from rates.source import Source
from rates.symbol import Symbol

# Five messages a second are allowed, pings and pongs included. At one per half second no second contains more than three, which
# leaves room for a pong and a ping.
MESSAGE_RATES = (MessageRate(1, 0.5),)
# Names average 16 letters. Longer ones are cut by bytes (`SubscriptionState`).
NAMES_PER_MESSAGE = 200


class BinanceProtocol:
    """Protocol state of one connection."""

    def __init__(self, *, simulated: bool, learned: LearnedSize | None = None) -> None:
        self._channels = ChannelMonitor()
        self._merger = TickerMerger(simulated=simulated, monitor=self._channels)
        self._subscriptions = SubscriptionState(
            Source.BINANCE,
            rates=MESSAGE_RATES,
            per_message=NAMES_PER_MESSAGE,
            encode=_encode,
            learned=learned,
        )
        self._symbols: dict[str, Symbol] = {}
        self._trade_streams: dict[str, str] = {}
        self._with_trades = False
        self._received_at: datetime | None = None
        self._received_ms = 0

    def track(self, instruments: Sequence[Instrument]) -> None:
        self._symbols = {one.source_symbol: one.symbol for one in instruments}
        self._trade_streams = {name: stream_name(name, TRADES) for name in self._symbols}
        self._merger.track(self._symbols)
        self._channels.retain(self._symbols)
        self._subscriptions.set_wanted(stream_names(self._symbols))

    def next_message(self, now: float) -> str | None:
        if silent := self._channels.advance(now):
            self._merger.restart(source_symbol for source_symbol, _ in silent)
            self._subscriptions.resubscribe(stream_name(*key) for key in silent)
        change = self._subscriptions.next_change(now)
        return _encode(change) if change else None

    def receive(self, frame: bytes, received_at: datetime) -> Sequence[FeedEvent]:
        event = parse_stream_frame(frame)
        match event:
            case None:
                return ()
            case StreamResponse():
                return self._on_response(event)
            case BinanceShutdown():
                return (GoingAway("the server announced its shutdown"),)
            case BinanceBookTicker():
                merged = self._merger.merge(event, received_at)
                return () if merged is None else (merged,)
            case _:
                check_event(event)
                if (collected := self._merger.take_collected_of(event.symbol)) is not None:
                    return (*self._list_events(collected), *self._receive(event, received_at))
                return self._receive(event, received_at)

    def collect(self, frame: bytes, received_at: datetime) -> bool:
        event = parse_trade_frame(frame)
        if event is None:
            return False
        if received_at is not self._received_at:
            self._received_at, self._received_ms = received_at, format_us(received_at) // 1000
        return self._merger.collect(event, received_at, self._received_ms)

    def take_collected(self) -> Sequence[FeedEvent]:
        events: list[FeedEvent] = []
        for one in self._merger.take_collected():
            events += self._list_events(one)
        return events

    def _list_events(self, collected: CollectedTrades) -> Sequence[FeedEvent]:
        tickers = collected.tickers
        if not self._with_trades:
            return tickers
        return *tickers, SymbolTrades(tickers[0].symbol, collected.trades, collected.received_at)

    def _receive(self, event: BinanceTrade | BinanceDayTicker, received_at: datetime) -> Sequence[FeedEvent]:
        merged = self._merger.merge(event, received_at)
        if merged is None:
            return ()
        if self._with_trades and isinstance(event, BinanceTrade) and (trade := to_trade(event)):
            return (merged, SymbolTrades(merged.symbol, (trade,), received_at))
        return (merged,)

    def resubscribe(self, symbols: Iterable[Symbol]) -> None:
        wanted = set(symbols)
        source_symbols = [source_symbol for source_symbol, one in self._symbols.items() if one in wanted]
        self._merger.restart(source_symbols)
        self._subscriptions.resubscribe(stream_names(source_symbols))

    def silent_channels(self) -> Mapping[Symbol, str]:
        return by_symbol(self._channels.silent(), self._symbols)

    def deliver_trades(self) -> None:
        self._with_trades = True

    def traded_symbols(self) -> frozenset[Symbol]:
        return frozenset(
            symbol
            for source_symbol, symbol in self._symbols.items()
            if self._subscriptions.is_confirmed(self._trade_streams[source_symbol])
            and not self._channels.is_silent(source_symbol, TRADES)
        )

    def _on_response(self, response: StreamResponse) -> list[FeedEvent]:
        if response.error is None:
            self._subscriptions.confirm_request(response.id)
            return []
        # Unknown streams are accepted and stay silent; an error means that the message itself was rejected.
        rejected = {
            parse_stream_name(name) for name in self._subscriptions.reject_all_of_request(response.id)
        }
        return [
            SymbolRejected(symbol, response.error)
            for source_symbol, symbol in self._symbols.items()
            if source_symbol.lower() in rejected
        ]


def _encode(change: SubscriptionChange) -> str:
    method = "SUBSCRIBE" if change.is_subscribe else "UNSUBSCRIBE"
    return msgspec.json.encode({"method": method, "params": change.topics, "id": change.number}).decode()
