"""Merges a source's tickers with its trades.

For sources whose tickers do not tell when the last trade was. Pure.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from pipeline.feeds.channel_monitor import ChannelMonitor
from rates.source import ObservedAtOrigin
from rates.ticker import Ticker

# Channels of one connection overtake each other by milliseconds. A larger step back means that the source's clock was wrong and
# has been corrected.
OVERTAKEN = timedelta(seconds=1)


class LastTrade(msgspec.Struct, frozen=True):
    """The price and time of a trade. `number` orders trades of one time."""

    price: Decimal
    at: datetime
    number: int


@dataclass(slots=True)
class _Last:
    """The last ticker and trade of a symbol.

    `heard_at`: arrival of the last message of the ticker channel.
    """

    ticker: Ticker | None = None
    heard_at: datetime | None = None
    trade: LastTrade | None = None


class TradeMerger:
    """Merges both channels of one connection, by the source's spelling of the symbol.

    `bound`: age from which on values of the ticker channel are left out. `every_trade`: the source pushes a ticker for each
    trade. `by_trade_id`: `sequence` is made from the trade id and 0 while the trade is unknown; otherwise the ticker's own is
    kept, which must be even. Of equal event times, a ticker that knows its trade is thus the newer one.
    """

    def __init__(
        self,
        monitor: ChannelMonitor,
        *,
        ticker_channel: str,
        trade_channel: str,
        bound: timedelta,
        every_trade: bool,
        by_trade_id: bool,
    ) -> None:
        self._monitor = monitor
        self._ticker_channel, self._trade_channel = ticker_channel, trade_channel
        self._bound = bound
        self._every_trade, self._by_trade_id = every_trade, by_trade_id
        self._last: dict[str, _Last] = {}

    def retain(self, symbols: Collection[str]) -> None:
        """Forget all other symbols."""
        self._last = {symbol: last for symbol, last in self._last.items() if symbol in symbols}

    def on_ticker(self, symbol: str, ticker: Ticker) -> Ticker:
        """Return a ticker with the time of its trade, or with the trade itself where that is later.

        One with numbers that are not finite is returned as it is, for the validation to refuse, and not compared with later ones.
        """
        self._monitor.on_message(symbol, self._ticker_channel)
        if not _is_finite(ticker.price, ticker.bid, ticker.ask):
            return ticker
        last = self._last.setdefault(symbol, _Last())
        if last.trade is not None and last.trade.at - ticker.observed_at > OVERTAKEN:
            last.trade = None
        merged = ticker if self._is_unknown(symbol, last) else self._merge(ticker, last.trade)
        if merged.last_trade_at is not None:
            self._monitor.settle(symbol, self._trade_channel)
        elif last.ticker is not None and last.ticker.price != ticker.price:
            self._monitor.expect(symbol, self._trade_channel)
        if last.ticker is None or not timedelta() < last.ticker.observed_at - merged.observed_at <= OVERTAKEN:
            last.ticker, last.heard_at = merged, ticker.received_at
        return merged

    def on_trade(self, symbol: str, trade: LastTrade, received_at: datetime) -> Ticker | None:
        """Return the last ticker with this trade.

        `None` if there is no ticker yet, or if it is later than the trade.
        """
        self._monitor.on_message(symbol, self._trade_channel)
        last = self._last.setdefault(symbol, _Last())
        known, base = last.trade, last.ticker
        if not _is_finite(trade.price):
            return base and msgspec.structs.replace(base, price=trade.price, received_at=received_at)
        if known is not None and _is_late(trade, known):
            return None
        last.trade = trade
        if base is None or last.heard_at is None:
            return None
        is_newer = trade.at > base.observed_at
        if is_newer and (self._every_trade or _is_outside(trade.price, base)):
            self._monitor.expect(symbol, self._ticker_channel)
        if not is_newer and _is_superseded(trade, base):
            return None
        merged = msgspec.structs.replace(
            base,
            price=trade.price,
            observed_at=max(trade.at, base.observed_at),
            observed_at_origin=ObservedAtOrigin.SOURCE if is_newer else base.observed_at_origin,
            received_at=received_at,
            sequence=self._sequence(base, trade, is_ticker=False),
            last_trade_at=trade.at,
        )
        if received_at - last.heard_at > self._bound:
            merged = _without_day_and_quotes(merged)
        last.ticker = merged
        return merged

    def _is_unknown(self, symbol: str, last: _Last) -> bool:
        return last.trade is None or self._monitor.is_silent(symbol, self._trade_channel)

    def _merge(self, ticker: Ticker, trade: LastTrade | None) -> Ticker:
        if trade is None or (trade.price != ticker.price and trade.at <= ticker.observed_at):
            return ticker
        is_newer = trade.at > ticker.observed_at
        return msgspec.structs.replace(
            ticker,
            price=trade.price,
            observed_at=max(trade.at, ticker.observed_at),
            observed_at_origin=ObservedAtOrigin.SOURCE if is_newer else ticker.observed_at_origin,
            sequence=self._sequence(ticker, trade, is_ticker=True),
            last_trade_at=trade.at,
        )

    def _sequence(self, ticker: Ticker, trade: LastTrade, *, is_ticker: bool) -> int:
        if self._by_trade_id:
            return 2 * trade.number + is_ticker
        return ticker.sequence if is_ticker else ticker.sequence | 1


def _is_finite(*numbers: Decimal | None) -> bool:
    return all(number.is_finite() for number in numbers if number is not None)


def _is_late(trade: LastTrade, known: LastTrade) -> bool:
    """Return whether a trade is a repetition of `known`, or was overtaken by it."""
    return (trade.at, trade.number) <= (known.at, known.number) and known.at - trade.at <= OVERTAKEN


def _is_superseded(trade: LastTrade, ticker: Ticker) -> bool:
    """Return whether a ticker of the same time or later knows the trade, or a later one."""
    if ticker.price != trade.price:
        return trade.at < ticker.observed_at
    return ticker.last_trade_at is not None and ticker.last_trade_at >= trade.at


def _is_outside(price: Decimal, ticker: Ticker) -> bool:
    """Return whether a trade shows that the best prices have moved."""
    return (ticker.bid is not None and price < ticker.bid) or (ticker.ask is not None and price > ticker.ask)


def _without_day_and_quotes(ticker: Ticker) -> Ticker:
    return msgspec.structs.replace(
        ticker,
        bid=None,
        ask=None,
        bid_size=None,
        ask_size=None,
        quoted_at=None,
        open_24h=None,
        change_percent_24h=None,
        high_24h=None,
        low_24h=None,
        volume_24h=None,
        quote_volume_24h=None,
    )
