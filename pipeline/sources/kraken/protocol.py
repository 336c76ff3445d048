"""Kraken's protocol on one connection. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from instruments.instrument import Instrument
from pipeline.feeds.ping_timer import PingTimer
from pipeline.feeds.protocol import FeedEvent, SourceNotice, SymbolRejected
from pipeline.feeds.subscription_state import MessageRate, SubscriptionChange, SubscriptionState
from pipeline.sources.kraken.messages import (
    KrakenError,
    KrakenResponse,
    KrakenStatus,
    KrakenTickers,
    parse_message,
)
from pipeline.sources.kraken.tickers import to_ticker
from rates.errors import SourceRateLimited, SourceUnavailable
from rates.source import Source
from rates.symbol import Symbol

# There is a limit ("Exceeded msg rate"), but its value is not published.
MESSAGE_RATES = (MessageRate(1, 0.5),)
SYMBOLS_PER_MESSAGE = 100
RATE_LIMIT_COOLDOWN = timedelta(minutes=1)
# Heartbeats arrive once something is subscribed. Idle connections are closed after about a minute.
PING_S = 30.0
# On each change of the best bid or ask, not only on trades, so that bid and ask are current and a pair that is quoted but not
# traded does not look like a silent one. The price remains that of the last trade.
EVENT_TRIGGER = "bbo"
PING = '{"method":"ping"}'
ONLINE = "online"


class KrakenProtocol:
    """Protocol state of one connection."""

    def __init__(self, *, simulated: bool) -> None:
        self._simulated = simulated
        self._subscriptions = SubscriptionState(
            Source.KRAKEN, rates=MESSAGE_RATES, per_message=SYMBOLS_PER_MESSAGE
        )
        self._pings = PingTimer(PING_S)
        self._symbols: dict[str, Symbol] = {}

    def track(self, instruments: Sequence[Instrument]) -> None:
        self._symbols = {one.source_symbol: one.symbol for one in instruments}
        self._subscriptions.set_wanted(self._symbols)

    def next_message(self, now: float) -> str | None:
        if change := self._subscriptions.next_change(now):
            return _encode(change)
        return PING if self._pings.poll(now) else None

    def receive(self, frame: bytes, received_at: datetime) -> Sequence[FeedEvent]:
        match parse_message(frame):
            case KrakenTickers(entries=entries):
                return [
                    to_ticker(raw, symbol, received_at=received_at, simulated=self._simulated)
                    for raw in entries
                    if (symbol := self._symbols.get(raw.symbol))
                ]
            case KrakenStatus(system=system):
                # Sent on connecting and on each change. In other states some or all trading is halted.
                return (SourceNotice(None if system == ONLINE else f"the exchange says: {system}"),)
            case KrakenResponse(method="subscribe") as answer:
                return self._on_response(answer)
            case KrakenError(said=said):
                raise _to_error(said, received_at)
        return ()

    def resubscribe(self, symbols: Iterable[Symbol]) -> None:
        wanted = set(symbols)
        self._subscriptions.resubscribe(pair for pair, symbol in self._symbols.items() if symbol in wanted)

    def _on_response(self, answer: KrakenResponse) -> Sequence[FeedEvent]:
        if answer.error is None or "already subscribed" in answer.error.lower():
            self._subscriptions.confirm({answer.symbol})
            return ()
        rejected = self._subscriptions.reject({answer.symbol})
        return [
            SymbolRejected(self._symbols[pair], answer.error) for pair in rejected if pair in self._symbols
        ]


def _to_error(said: str, received_at: datetime) -> SourceRateLimited | SourceUnavailable:
    if "rate" in said.lower():
        return SourceRateLimited(Source.KRAKEN, said, retry_at=received_at + RATE_LIMIT_COOLDOWN)
    return SourceUnavailable(Source.KRAKEN, said[:160])


def _encode(change: SubscriptionChange) -> str:
    params: dict[str, Any] = {"channel": "ticker", "symbol": change.topics, "event_trigger": EVENT_TRIGGER}
    if change.is_subscribe:
        params["snapshot"] = True
    method = "subscribe" if change.is_subscribe else "unsubscribe"
    return msgspec.json.encode({"method": method, "params": params, "req_id": change.number}).decode()
