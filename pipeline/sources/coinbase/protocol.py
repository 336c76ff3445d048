"""Coinbase's protocol on one connection. Pure."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from instruments.instrument import Instrument
from pipeline.feeds.channel_monitor import ChannelMonitor, by_symbol
from pipeline.feeds.protocol import FeedEvent, SymbolActivity, SymbolRejected, SymbolTrades
from pipeline.feeds.subscription_state import (
    LearnedSize,
    MessageRate,
    SubscriptionChange,
    SubscriptionState,
    mentions,
)
from pipeline.sources.coinbase.messages import (
    CoinbaseError,
    CoinbaseHeartbeat,
    CoinbaseMatch,
    CoinbaseSubscriptions,
    CoinbaseTicker,
    parse_message,
)
from pipeline.sources.coinbase.symbols import CHANNELS, HEARTBEAT, HEARTBEAT_CADENCE_S, MATCHES, TICKER
from pipeline.sources.coinbase.tickers import confirm_ticker, to_ticker, to_trade
from rates.errors import SourceRateLimited, SourceUnavailable
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker

# Coinbase allows eight requests a second per address, in bursts of twenty [docs.cdp.coinbase.com, rate limits]. Several of our
# connections may start at once.
MESSAGE_RATES = (MessageRate(1, 0.3),)
PRODUCTS_PER_MESSAGE = 100
# A rejected product ends the connection for all others, so that the next connections leave it out.
REFUSED_FOR_S = 600.0
# The error gives no time. Limits are counted by the second.
RATE_LIMIT_COOLDOWN = timedelta(seconds=10)
# If the last match is older than this, a heartbeat renews its price without its quotes. Until then they stay together, at the
# time of the match. Half of the time for which a rate is fresh.
CONFIRMED_AFTER = timedelta(seconds=5)
# Up to this age. A product without a trade for longer may be halted.
CONFIRMED_FOR = timedelta(hours=1)


class RejectedProduct(NamedTuple):
    """A product that Coinbase rejected.

    It is left out `until`, in the seconds of `next_message`.
    """

    reason: str
    until: float


class CoinbaseProtocol:
    """Protocol state of one connection. `rejected` products are kept across connections."""

    def __init__(
        self,
        rejected: MutableMapping[str, RejectedProduct],
        *,
        simulated: bool,
        learned: LearnedSize | None = None,
    ) -> None:
        self._rejected = rejected
        self._simulated = simulated
        self._subscriptions = SubscriptionState(
            Source.COINBASE,
            rates=MESSAGE_RATES,
            per_message=PRODUCTS_PER_MESSAGE,
            encode=self._encode,
            learned=learned,
        )
        self._symbols: dict[str, Symbol] = {}
        self._with_trades = False
        self._last: dict[str, tuple[int, Ticker]] = {}
        # The number of the last match, and the products whose matches are subscribed.
        self._last_match: dict[str, int] = {}
        self._matched: frozenset[str] = frozenset()
        self._channels = ChannelMonitor({HEARTBEAT: HEARTBEAT_CADENCE_S})
        self._now = 0.0

    def track(self, instruments: Sequence[Instrument]) -> None:
        self._symbols = {one.source_symbol: one.symbol for one in instruments}
        self._last = {product: last for product, last in self._last.items() if product in self._symbols}
        self._channels.retain(self._symbols)

    def next_message(self, now: float) -> str | None:
        self._now = now
        # All channels of a product are subscribed together.
        if silent := {product for product, _ in self._channels.advance(now)}:
            self._restart(silent)
        self._subscriptions.set_wanted(product for product in self._symbols if not self._is_rejected(product))
        change = self._subscriptions.next_change(now)
        return self._encode(change) if change else None

    def receive(self, frame: bytes, received_at: datetime) -> Sequence[FeedEvent]:
        match parse_message(frame):
            case CoinbaseTicker() as raw:
                return self._on_ticker(raw, received_at)
            case CoinbaseMatch() as match:
                return self._on_match(match, received_at)
            case CoinbaseHeartbeat() as heartbeat:
                return self._on_heartbeat(heartbeat, received_at)
            case CoinbaseSubscriptions() as response:
                self._subscriptions.confirm(response.products(TICKER))
                self._matched = response.products(MATCHES)
                # Reported again on each connection, because health shows the current state.
                return [
                    SymbolRejected(symbol, self._rejected[product].reason)
                    for product, symbol in self._symbols.items()
                    if self._is_rejected(product)
                ]
            case CoinbaseError() as error:
                return self._on_error(error, received_at)
        return ()

    def resubscribe(self, symbols: Iterable[Symbol]) -> None:
        wanted = set(symbols)
        products = [product for product, symbol in self._symbols.items() if symbol in wanted]
        for product in products:
            self._rejected.pop(product, None)
        self._restart(products)

    def silent_channels(self) -> Mapping[Symbol, str]:
        return by_symbol(self._channels.silent(), self._symbols)

    def _restart(self, products: Iterable[str]) -> None:
        """Subscribe again, and accept whatever comes next."""
        for product in products:
            self._last.pop(product, None)
            self._last_match.pop(product, None)
        self._subscriptions.resubscribe(products)

    def deliver_trades(self) -> None:
        self._with_trades = True

    def traded_symbols(self) -> frozenset[Symbol]:
        return frozenset(
            symbol
            for product, symbol in self._symbols.items()
            if product in self._matched
            and self._subscriptions.is_confirmed(product)
            and not self._channels.is_silent(product, MATCHES)
        )

    def _on_match(self, match: CoinbaseMatch, received_at: datetime) -> Sequence[FeedEvent]:
        symbol = self._symbols.get(match.product_id)
        if symbol is None or not self._with_trades:
            return ()
        self._channels.on_message(match.product_id, MATCHES)
        self._last_match[match.product_id] = match.trade_id
        return (SymbolTrades(symbol, (to_trade(match),), received_at),)

    def _on_ticker(self, raw: CoinbaseTicker, received_at: datetime) -> Sequence[FeedEvent]:
        symbol = self._symbols.get(raw.product_id)
        if symbol is None:
            return ()
        self._channels.on_message(raw.product_id, TICKER)
        trade_id, last = self._last.get(raw.product_id, (raw.trade_id, None))
        # An earlier match must not replace a later one. Ids that go back by more than an event at a later time have restarted.
        has_restarted = last is not None and raw.trade_id < trade_id - 1 and raw.time > last.observed_at
        if raw.trade_id < trade_id and not has_restarted:
            return (SymbolActivity(symbol),)
        ticker = to_ticker(raw, symbol, received_at=received_at, simulated=self._simulated)
        self._last[raw.product_id] = (raw.trade_id, ticker)
        return (ticker,)

    def _on_heartbeat(self, heartbeat: CoinbaseHeartbeat, received_at: datetime) -> Sequence[FeedEvent]:
        symbol = self._symbols.get(heartbeat.product_id)
        if symbol is None:
            return ()
        self._channels.on_message(heartbeat.product_id, HEARTBEAT)
        trade_id, ticker = self._last.get(heartbeat.product_id, (-1, None))
        if heartbeat.last_trade_id > trade_id:
            self._channels.expect(heartbeat.product_id, TICKER)
        else:
            self._channels.settle(heartbeat.product_id, TICKER)
        if (matched := self._last_match.get(heartbeat.product_id)) is not None:
            if heartbeat.last_trade_id > matched:
                self._channels.expect(heartbeat.product_id, MATCHES)
            else:
                self._channels.settle(heartbeat.product_id, MATCHES)
        if ticker is None or heartbeat.last_trade_id != trade_id:
            return (SymbolActivity(symbol),)
        is_untouched = heartbeat.sequence == ticker.sequence
        earliest = timedelta(microseconds=1) if is_untouched else CONFIRMED_AFTER
        if earliest <= heartbeat.time - ticker.observed_at <= CONFIRMED_FOR:
            return (confirm_ticker(ticker, heartbeat, received_at=received_at),)
        return (SymbolActivity(symbol),)

    def _on_error(self, error: CoinbaseError, received_at: datetime) -> Sequence[FeedEvent]:
        if any(word in error.text.lower() for word in ("rate limit", "too many")):
            raise SourceRateLimited(Source.COINBASE, error.text, retry_at=received_at + RATE_LIMIT_COOLDOWN)
        named = [product for product in self._symbols if mentions(error.text, product)]
        if not named:
            raise SourceUnavailable(Source.COINBASE, error.text[:160])
        self._rejected.update(dict.fromkeys(named, RejectedProduct(error.text, self._now + REFUSED_FOR_S)))
        self._subscriptions.reject(named)
        # One bad product fails the whole message. If the connection stays open, the other products are requested again.
        self._subscriptions.retry_unanswered()
        return [SymbolRejected(self._symbols[product], error.text) for product in named]

    def _is_rejected(self, product: str) -> bool:
        rejection = self._rejected.get(product)
        return rejection is not None and self._now < rejection.until

    def _encode(self, change: SubscriptionChange) -> str:
        message = {
            "type": "subscribe" if change.is_subscribe else "unsubscribe",
            "product_ids": change.topics,
            "channels": [*CHANNELS, MATCHES] if self._with_trades else CHANNELS,
        }
        return msgspec.json.encode(message).decode()
