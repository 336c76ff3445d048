"""Kraken's protocol on one connection. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from history.trade import Trade
from instruments.instrument import Instrument
from pipeline.feeds.channel_monitor import ChannelMonitor, by_symbol
from pipeline.feeds.ping_timer import PingTimer
from pipeline.feeds.protocol import FeedEvent, SourceNotice, SymbolActivity, SymbolRejected, SymbolTrades
from pipeline.feeds.subscription_state import LearnedSize, MessageRate, SubscriptionChange, SubscriptionState
from pipeline.sources.kraken.messages import (
    KrakenError,
    KrakenResponse,
    KrakenStatus,
    KrakenTicker,
    KrakenTickers,
    KrakenTrade,
    KrakenTrades,
    parse_message,
)
from pipeline.sources.kraken.tickers import to_ticker, to_trade
from pipeline.sources.trade_merger import LastTrade, TradeMerger
from rates.errors import SourceRateLimited, SourceUnavailable
from rates.source import Source
from rates.symbol import Symbol

# There is a limit ("Exceeded msg rate"), but its value is not published.
# Of each of two channels.
MESSAGE_RATES = (MessageRate(1, 1.0),)
SYMBOLS_PER_MESSAGE = 100
RATE_LIMIT_COOLDOWN = timedelta(minutes=1)
# Heartbeats arrive once something is subscribed. Idle connections are closed after about a minute.
PING_S = 30.0
# On each change of the best bid or ask, not only on trades, so that bid and ask are current and a pair that is quoted but not
# traded does not look like a silent one. The price remains that of the last trade.
EVENT_TRIGGER = "bbo"
TICKER, TRADE = "ticker", "trade"
PING = '{"method":"ping"}'
ONLINE = "online"


class KrakenProtocol:
    """Protocol state of one connection."""

    def __init__(self, *, simulated: bool, learned: LearnedSize | None = None) -> None:
        self._simulated = simulated
        # One message concerns one channel.
        self._subscriptions = {
            channel: SubscriptionState(
                Source.KRAKEN,
                rates=MESSAGE_RATES,
                per_message=SYMBOLS_PER_MESSAGE,
                encode=partial(_encode, channel),
                learned=learned,
            )
            for channel in (TICKER, TRADE)
        }
        self._channels = ChannelMonitor()
        # A trade at an unchanged best price pushes no ticker.
        self._merger = TradeMerger(
            self._channels,
            ticker_channel=TICKER,
            trade_channel=TRADE,
            bound=timedelta(seconds=Source.KRAKEN.ttl_s),
            every_trade=False,
            by_trade_id=True,
        )
        self._pings = PingTimer(PING_S)
        self._symbols: dict[str, Symbol] = {}
        self._with_trades = False

    def track(self, instruments: Sequence[Instrument]) -> None:
        self._symbols = {one.source_symbol: one.symbol for one in instruments}
        self._merger.retain(self._symbols)
        self._channels.retain(self._symbols)
        for subscriptions in self._subscriptions.values():
            subscriptions.set_wanted(self._symbols)

    def next_message(self, now: float) -> str | None:
        for pair, channel in self._channels.advance(now):
            self._subscriptions[channel].resubscribe([pair])
        for channel, subscriptions in self._subscriptions.items():
            if change := subscriptions.next_change(now):
                return _encode(channel, change)
        return PING if self._pings.poll(now) else None

    def receive(self, frame: bytes, received_at: datetime) -> Sequence[FeedEvent]:
        match parse_message(frame):
            case KrakenTickers(entries=entries):
                return [
                    self._on_ticker(raw, symbol, received_at)
                    for raw in entries
                    if (symbol := self._symbols.get(raw.symbol))
                ]
            case KrakenTrades(entries=entries):
                return self._on_trades(entries, received_at)
            case KrakenStatus(system=system, advisories=advisories, announcements=announcements):
                # Sent on connecting and on each change. In other states some or all trading is halted.
                said = [] if system == ONLINE else [system]
                text = "; ".join([*said, *advisories])
                return (SourceNotice(f"the exchange says: {text}" if text else None, announcements),)
            case KrakenResponse(method="subscribe") as answer:
                return self._on_response(answer)
            case KrakenError(said=said):
                raise _to_error(said, received_at)
        return ()

    def resubscribe(self, symbols: Iterable[Symbol]) -> None:
        wanted = set(symbols)
        pairs = [pair for pair, symbol in self._symbols.items() if symbol in wanted]
        for subscriptions in self._subscriptions.values():
            subscriptions.resubscribe(pairs)

    def silent_channels(self) -> Mapping[Symbol, str]:
        return by_symbol(self._channels.silent(), self._symbols)

    def deliver_trades(self) -> None:
        self._with_trades = True

    def traded_symbols(self) -> frozenset[Symbol]:
        return frozenset(
            symbol
            for pair, symbol in self._symbols.items()
            if self._subscriptions[TRADE].is_confirmed(pair) and not self._channels.is_silent(pair, TRADE)
        )

    def _on_ticker(self, raw: KrakenTicker, symbol: Symbol, received_at: datetime) -> FeedEvent:
        ticker = to_ticker(raw, symbol, received_at=received_at, simulated=self._simulated)
        return self._merger.on_ticker(raw.symbol, ticker)

    def _on_trades(self, entries: Sequence[KrakenTrade], received_at: datetime) -> Sequence[FeedEvent]:
        """Merge the newest trade of each pair, and deliver all if wanted. A snapshot holds many."""
        newest: dict[str, KrakenTrade] = {}
        each: dict[str, list[Trade]] = {}
        for raw in entries:
            if self._with_trades and (trade := to_trade(raw)):
                each.setdefault(raw.symbol, []).append(trade)
            known = newest.get(raw.symbol)
            if known is None or (raw.timestamp, raw.trade_id) > (known.timestamp, known.trade_id):
                newest[raw.symbol] = raw
        events: list[FeedEvent] = []
        for pair, raw in newest.items():
            if symbol := self._symbols.get(pair):
                last = LastTrade(raw.price, raw.timestamp, raw.trade_id)
                events.append(self._merger.on_trade(pair, last, received_at) or SymbolActivity(symbol))
                if pair in each:
                    events.append(SymbolTrades(symbol, tuple(each[pair]), received_at))
        return events

    def _on_response(self, answer: KrakenResponse) -> Sequence[FeedEvent]:
        # An error names the pair only, and concerns both channels.
        concerned = [
            each for channel, each in self._subscriptions.items() if answer.channel in (channel, None)
        ]
        if answer.error is None or "already subscribed" in answer.error.lower():
            for subscriptions in concerned:
                subscriptions.confirm({answer.symbol})
            return ()
        rejected = {pair for subscriptions in concerned for pair in subscriptions.reject({answer.symbol})}
        return [
            SymbolRejected(self._symbols[pair], answer.error) for pair in rejected if pair in self._symbols
        ]


def _to_error(said: str, received_at: datetime) -> SourceRateLimited | SourceUnavailable:
    if "rate" in said.lower():
        return SourceRateLimited(Source.KRAKEN, said, retry_at=received_at + RATE_LIMIT_COOLDOWN)
    return SourceUnavailable(Source.KRAKEN, said[:160])


def _encode(channel: str, change: SubscriptionChange) -> str:
    params: dict[str, Any] = {"channel": channel, "symbol": change.topics}
    if channel == TICKER:
        params["event_trigger"] = EVENT_TRIGGER
    if change.is_subscribe:
        params["snapshot"] = True
    method = "subscribe" if change.is_subscribe else "unsubscribe"
    return msgspec.json.encode({"method": method, "params": params, "req_id": change.number}).decode()
