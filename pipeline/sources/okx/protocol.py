"""OKX's protocol on one connection. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from instruments.instrument import Instrument
from pipeline.feeds.channel_monitor import ChannelMonitor, by_symbol
from pipeline.feeds.ping_timer import PingTimer
from pipeline.feeds.protocol import FeedEvent, GoingAway, SymbolActivity, SymbolRejected, SymbolTrades
from pipeline.feeds.subscription_state import (
    LearnedSize,
    MessageRate,
    SubscriptionChange,
    SubscriptionState,
    mentions,
)
from pipeline.sources.okx.messages import (
    OkxError,
    OkxNotice,
    OkxResponse,
    OkxTickers,
    OkxTrades,
    parse_message,
)
from pipeline.sources.okx.symbols import CHANNELS, TICKERS, TRADES, arguments, split_topic, topic, topics
from pipeline.sources.okx.tickers import to_last_trade, to_ticker, to_trade
from pipeline.sources.trade_merger import TradeMerger
from rates.errors import SourceProtocolError, SourceRateLimited
from rates.source import Source
from rates.symbol import Symbol

# OKX allows 480 subscribe, unsubscribe and login operations an hour per connection. Frequent changes must not use them up.
MESSAGE_RATES = (MessageRate(1, 0.5), MessageRate(400, 3600.0))
# 45 bytes each: 18 of the 64 kB that the arguments of one request may take.
TOPICS_PER_MESSAGE = 400
MAX_BYTES = 60_000
# Text, answered with the text `pong`. The server closes a connection after 30 s without any message.
PING, PING_S = "ping", 10.0
UPGRADE = "64008"
# "Requests too frequent."
RATE_CODES = frozenset({"60014", "50011"})
RATE_LIMIT_COOLDOWN = timedelta(minutes=1)


class OkxProtocol:
    """Protocol state of one connection."""

    def __init__(self, *, simulated: bool, learned: LearnedSize | None = None) -> None:
        self._simulated = simulated
        self._subscriptions = SubscriptionState(
            Source.OKX,
            rates=MESSAGE_RATES,
            per_message=TOPICS_PER_MESSAGE,
            encode=_encode,
            learned=learned,
            max_bytes=MAX_BYTES,
        )
        self._channels = ChannelMonitor()
        self._merger = TradeMerger(
            self._channels,
            ticker_channel=TICKERS,
            trade_channel=TRADES,
            bound=timedelta(seconds=Source.OKX.ttl_s),
            every_trade=True,
            by_trade_id=True,
        )
        self._pings = PingTimer(PING_S)
        self._symbols: dict[str, Symbol] = {}
        self._with_trades = False

    def track(self, instruments: Sequence[Instrument]) -> None:
        self._symbols = {one.source_symbol: one.symbol for one in instruments}
        self._merger.retain(self._symbols)
        self._channels.retain(self._symbols)
        self._subscriptions.set_wanted(topics(self._symbols))

    def next_message(self, now: float) -> str | None:
        if silent := self._channels.advance(now):
            self._subscriptions.resubscribe(topic(channel, inst_id) for inst_id, channel in silent)
        if change := self._subscriptions.next_change(now):
            return _encode(change)
        return PING if self._pings.poll(now) else None

    def receive(self, frame: bytes, received_at: datetime) -> Sequence[FeedEvent]:
        match parse_message(frame):
            case OkxTickers() as tickers:
                return self._on_tickers(tickers, received_at)
            case OkxTrades() as trades:
                return self._on_trades(trades, received_at)
            case OkxResponse(event="subscribe", channel=channel, inst_id=inst_id):
                self._subscriptions.confirm({topic(channel, inst_id)})
            case OkxNotice(code=code, msg=said) if code == UPGRADE:
                return (GoingAway(said),)
            case OkxError() as error:
                return self._on_error(error, received_at)
        return ()

    def resubscribe(self, symbols: Iterable[Symbol]) -> None:
        wanted = set(symbols)
        self._subscriptions.resubscribe(
            topics(inst_id for inst_id, symbol in self._symbols.items() if symbol in wanted)
        )

    def silent_channels(self) -> Mapping[Symbol, str]:
        return by_symbol(self._channels.silent(), self._symbols)

    def deliver_trades(self) -> None:
        self._with_trades = True

    def traded_symbols(self) -> frozenset[Symbol]:
        return frozenset(
            symbol
            for inst_id, symbol in self._symbols.items()
            if self._subscriptions.is_confirmed(topic(TRADES, inst_id))
            and not self._channels.is_silent(inst_id, TRADES)
        )

    def _on_tickers(self, tickers: OkxTickers, received_at: datetime) -> Sequence[FeedEvent]:
        events: list[FeedEvent] = []
        for raw in tickers.entries:
            if symbol := self._symbols.get(raw.inst_id):
                ticker = to_ticker(raw, symbol, received_at=received_at, simulated=self._simulated)
                if ticker is not None:
                    events.append(self._merger.on_ticker(raw.inst_id, ticker))
        return events

    def _on_trades(self, trades: OkxTrades, received_at: datetime) -> Sequence[FeedEvent]:
        events: list[FeedEvent] = []
        for raw in trades.entries:
            if symbol := self._symbols.get(raw.inst_id):
                last = to_last_trade(raw)
                ticker = self._merger.on_trade(raw.inst_id, last, received_at)
                events.append(ticker or SymbolActivity(symbol))
                if self._with_trades and (trade := to_trade(raw, last)):
                    events.append(SymbolTrades(symbol, (trade,), received_at))
        return events

    def _on_error(self, error: OkxError, received_at: datetime) -> Sequence[FeedEvent]:
        said = f"{error.code} {error.msg}"
        if error.code in RATE_CODES:
            raise SourceRateLimited(Source.OKX, said[:160], retry_at=received_at + RATE_LIMIT_COOLDOWN)
        channels = [channel for channel in CHANNELS if mentions(error.msg, f"channel:{channel}")] or CHANNELS
        rejected = self._subscriptions.reject(
            [
                topic(channel, inst_id)
                for inst_id in self._symbols
                if mentions(error.msg, inst_id)
                for channel in channels
            ]
        )
        if not rejected:
            raise SourceProtocolError(Source.OKX, f"a request was refused: {said[:160]}")
        # An instrument whose trades are rejected still has a price.
        named = [inst_id for channel, inst_id in map(split_topic, rejected) if channel == TICKERS]
        return [SymbolRejected(self._symbols[inst_id], said) for inst_id in named]


def _encode(change: SubscriptionChange) -> str:
    operation = "subscribe" if change.is_subscribe else "unsubscribe"
    return msgspec.json.encode({"op": operation, "args": arguments(change.topics)}).decode()
