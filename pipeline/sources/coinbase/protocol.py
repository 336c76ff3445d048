"""Coinbase's side of one connection. Pure: what is sent and what is made of what comes; it owns no socket and no clock."""

from collections.abc import Iterable, MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from instruments.instrument import Instrument
from pipeline.feeds.protocol import FeedEvent, SymbolActivity, SymbolRejected
from pipeline.feeds.subscription_state import MessageRate, SubscriptionChange, SubscriptionState, mentions
from pipeline.sources.coinbase.messages import (
    CoinbaseError,
    CoinbaseHeartbeat,
    CoinbaseSubscriptions,
    CoinbaseTicker,
    parse_message,
)
from pipeline.sources.coinbase.symbols import CHANNELS
from pipeline.sources.coinbase.tickers import confirm_ticker, to_ticker
from rates.errors import SourceRateLimited, SourceUnavailable
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker

# Eight requests a second per address are allowed, in bursts of twenty [docs.cdp.coinbase.com, rate limits]; several
# connections of ours may be starting at once.
MESSAGE_RATES = (MessageRate(1, 0.3),)
PRODUCTS_PER_MESSAGE = 100
# A product that is refused ends the connection for all others, so the next connections leave it out.
REFUSED_FOR_S = 600.0
# The refusal names no time; limits are counted by the second.
RATE_LIMIT_COOLDOWN = timedelta(seconds=10)
# From this age of the last match on, a heartbeat renews its price without its quotes; until then they stay together, under
# the match's own time. Half of the time for which a rate counts as fresh.
CONFIRMED_AFTER = timedelta(seconds=5)
# Up to this age: what has not been traded for longer may be halted.
CONFIRMED_FOR = timedelta(hours=1)


class RejectedProduct(NamedTuple):
    """A product that Coinbase would not push, in its words; left out `until`, in the seconds of `next_message`."""

    said: str
    until: float


class CoinbaseProtocol:
    """One connection's; `refused` products outlive it."""

    def __init__(self, refused: MutableMapping[str, RejectedProduct], *, simulated: bool) -> None:
        self._refused = refused
        self._simulated = simulated
        self._subscriptions = SubscriptionState(
            Source.COINBASE, rates=MESSAGE_RATES, per_message=PRODUCTS_PER_MESSAGE
        )
        self._symbols: dict[str, Symbol] = {}
        self._last: dict[str, tuple[int, Ticker]] = {}
        self._now = 0.0

    def track(self, instruments: Sequence[Instrument]) -> None:
        self._symbols = {one.source_symbol: one.symbol for one in instruments}
        self._last = {product: last for product, last in self._last.items() if product in self._symbols}

    def next_message(self, now: float) -> str | None:
        self._now = now
        self._subscriptions.set_wanted(product for product in self._symbols if not self._is_refused(product))
        change = self._subscriptions.next_change(now)
        return _text(change) if change else None

    def receive(self, frame: bytes, received_at: datetime) -> Sequence[FeedEvent]:
        match parse_message(frame):
            case CoinbaseTicker() as raw:
                return self._match(raw, received_at)
            case CoinbaseHeartbeat() as heartbeat:
                return self._heartbeat(heartbeat, received_at)
            case CoinbaseSubscriptions() as answer:
                self._subscriptions.confirm(answer.products("ticker"))
                # Told again on each connection: people look at what is missing now.
                return [
                    SymbolRejected(symbol, self._refused[product].said)
                    for product, symbol in self._symbols.items()
                    if self._is_refused(product)
                ]
            case CoinbaseError() as error:
                return self._refusal(error, received_at)
        return ()

    def resubscribe(self, symbols: Iterable[Symbol]) -> None:
        wanted = set(symbols)
        products = [product for product, symbol in self._symbols.items() if symbol in wanted]
        for product in products:
            self._refused.pop(product, None)
        self._subscriptions.resubscribe(products)

    def _match(self, raw: CoinbaseTicker, received_at: datetime) -> Sequence[FeedEvent]:
        symbol = self._symbols.get(raw.product_id)
        if symbol is None:
            return ()
        trade_id, _ = self._last.get(raw.product_id, (raw.trade_id, None))
        # An earlier match would turn the price back, whatever its time says.
        if raw.trade_id < trade_id:
            return (SymbolActivity(symbol),)
        ticker = to_ticker(raw, symbol, received_at=received_at, simulated=self._simulated)
        self._last[raw.product_id] = (raw.trade_id, ticker)
        return (ticker,)

    def _heartbeat(self, heartbeat: CoinbaseHeartbeat, received_at: datetime) -> Sequence[FeedEvent]:
        symbol = self._symbols.get(heartbeat.product_id)
        if symbol is None:
            return ()
        trade_id, ticker = self._last.get(heartbeat.product_id, (-1, None))
        if ticker is None or heartbeat.last_trade_id != trade_id:
            return (SymbolActivity(symbol),)
        is_untouched = heartbeat.sequence == ticker.sequence
        earliest = timedelta(microseconds=1) if is_untouched else CONFIRMED_AFTER
        if earliest <= heartbeat.time - ticker.observed_at <= CONFIRMED_FOR:
            return (confirm_ticker(ticker, heartbeat, received_at=received_at),)
        return (SymbolActivity(symbol),)

    def _refusal(self, error: CoinbaseError, received_at: datetime) -> Sequence[FeedEvent]:
        if any(word in error.said.lower() for word in ("rate limit", "too many")):
            raise SourceRateLimited(Source.COINBASE, error.said, retry_at=received_at + RATE_LIMIT_COOLDOWN)
        named = [product for product in self._symbols if mentions(error.said, product)]
        if not named:
            raise SourceUnavailable(Source.COINBASE, error.said[:160])
        self._refused.update(dict.fromkeys(named, RejectedProduct(error.said, self._now + REFUSED_FOR_S)))
        self._subscriptions.reject(named)
        # One bad product fails the whole message; where the connection lives on, its neighbours are asked for again.
        self._subscriptions.retry_unanswered()
        return [SymbolRejected(self._symbols[product], error.said) for product in named]

    def _is_refused(self, product: str) -> bool:
        refusal = self._refused.get(product)
        return refusal is not None and self._now < refusal.until


def _text(change: SubscriptionChange) -> str:
    message = {
        "type": "subscribe" if change.is_subscribe else "unsubscribe",
        "product_ids": change.topics,
        "channels": CHANNELS,
    }
    return msgspec.json.encode(message).decode()
