"""Bybit's side of one connection. Pure: what is sent and what is made of what comes; it owns no socket and no clock."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from instruments.instrument import Instrument
from pipeline.feeds.ping_timer import PingTimer
from pipeline.feeds.protocol import FeedEvent, SymbolActivity, SymbolRejected
from pipeline.feeds.subscription_state import MessageRate, SubscriptionChange, SubscriptionState
from pipeline.sources.bybit.messages import BybitBookEvent, BybitResponse, BybitTickerEvent, parse_message
from pipeline.sources.bybit.symbols import TICKERS, topic_symbol, topics
from pipeline.sources.bybit.tickers import UNKNOWN, BestPrices, apply_book, to_ticker
from rates.errors import SourceRateLimited
from rates.source import Source
from rates.symbol import Symbol

# Spot takes at most ten arguments a request; a hundred symbols are twenty requests, in four seconds.
TOPICS_PER_MESSAGE = 10
MESSAGE_RATES = (MessageRate(1, 0.2),)
# 20 s are advised, 10 min of silence are cut; the answer is what tells a quiet market from a dead socket.
PING, PING_S = '{"op":"ping"}', 10.0
RATE_LIMIT_COOLDOWN = timedelta(minutes=1)


class BybitProtocol:
    """One connection's."""

    def __init__(self, *, simulated: bool) -> None:
        self._simulated = simulated
        self._subscriptions = SubscriptionState(
            Source.BYBIT, rates=MESSAGE_RATES, per_message=TOPICS_PER_MESSAGE
        )
        self._pings = PingTimer(PING_S)
        self._symbols: dict[str, Symbol] = {}
        self._best: dict[str, BestPrices] = {}

    def track(self, instruments: Sequence[Instrument]) -> None:
        self._symbols = {one.source_symbol: one.symbol for one in instruments}
        self._best = {spelling: best for spelling, best in self._best.items() if spelling in self._symbols}
        self._subscriptions.set_wanted(topics(self._symbols))

    def next_message(self, now: float) -> str | None:
        if change := self._subscriptions.next_change(now):
            return _text(change)
        return PING if self._pings.poll(now) else None

    def receive(self, frame: bytes, received_at: datetime) -> Sequence[FeedEvent]:
        match parse_message(frame):
            case BybitTickerEvent() as event:
                return self._ticker(event, received_at)
            case BybitBookEvent() as event:
                return self._book(event)
            case BybitResponse() as answer:
                return self._settle(answer, received_at)
        return ()

    def resubscribe(self, symbols: Iterable[Symbol]) -> None:
        wanted = set(symbols)
        self._subscriptions.resubscribe(
            topics(spelling for spelling, one in self._symbols.items() if one in wanted)
        )

    def _ticker(self, event: BybitTickerEvent, received_at: datetime) -> Sequence[FeedEvent]:
        spelling = event.ticker.symbol
        symbol, best = self._symbols.get(spelling), self._best.get(spelling, UNKNOWN)
        if symbol is None:
            return ()
        ticker = to_ticker(event, best, symbol, received_at=received_at, simulated=self._simulated)
        return () if ticker is None else (ticker,)

    def _book(self, event: BybitBookEvent) -> Sequence[FeedEvent]:
        symbol = self._symbols.get(event.symbol)
        if symbol is None:
            return ()
        self._best[event.symbol] = apply_book(event, self._best.get(event.symbol, UNKNOWN))
        # The book says nothing of the last trade, so it makes no ticker; it goes out with the next one.
        return (SymbolActivity(symbol),)

    def _settle(self, answer: BybitResponse, received_at: datetime) -> Sequence[FeedEvent]:
        if answer.error is not None and "too many" in answer.error.lower():
            retry_at = received_at + RATE_LIMIT_COOLDOWN
            raise SourceRateLimited(Source.BYBIT, answer.error[:160], retry_at=retry_at)
        if answer.op == "unsubscribe":
            return ()
        if answer.error is None:
            self._subscriptions.confirm_request(answer.number)
            return ()
        refused = self._subscriptions.reject_request(answer.number, answer.error)
        # Without its book a symbol has a price all the same.
        spellings = [topic_symbol(topic) for topic in refused if topic.startswith(TICKERS)]
        return [SymbolRejected(self._symbols[one], answer.error) for one in spellings if one in self._symbols]


def _text(change: SubscriptionChange) -> str:
    operation = "subscribe" if change.is_subscribe else "unsubscribe"
    return msgspec.json.encode(
        {"req_id": str(change.number), "op": operation, "args": change.topics}
    ).decode()
