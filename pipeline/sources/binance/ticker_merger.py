"""Merges the events of one connection into tickers, with the last values of each symbol.

Pure. Each field has the age of the channel that it came from (docs/decisions/0031-age-of-a-channel.md).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from history.trade import Trade
from pipeline.feeds.channel_monitor import CADENCES_MISSED, ChannelMonitor
from pipeline.feeds.protocol import SymbolActivity
from pipeline.sources.binance.messages import BinanceBookTicker, BinanceDayTicker, BinanceTrade
from pipeline.sources.binance.symbols import BOOK, DAY, TRADES
from pipeline.sources.binance.tickers import nonzero, parse_event_time, to_known_trade
from pipeline.validation import EARLIEST_OBSERVATION, HIGHEST_PRICE
from rates.clock import format_us
from rates.errors import SourceProtocolError
from rates.number import is_printable
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker

# How far an event's time may be behind that of an earlier one: channels are milliseconds apart. Beyond that, the source's clock
# was wrong and has been corrected, and waiting for it to catch up would look like a frozen market.
OVERTAKEN_MS = 1000
OVERTAKEN = timedelta(milliseconds=OVERTAKEN_MS)
# "Update Speed: 1000ms" of `<symbol>@ticker`.
DAY_BOUND = CADENCES_MISSED * timedelta(seconds=1)
# `<symbol>@bookTicker` has no cadence: it is pushed on change.
BOOK_BOUND = timedelta(seconds=Source.BINANCE.ttl_s)
EARLIEST_MS = format_us(EARLIEST_OBSERVATION) // 1000
# Trades that are further ahead of our clock are not collected but validated one by one: a wrong one must hide none before it.
MAX_AHEAD_MS = 1000
NEVER, FOREVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class _LastEvents:
    """The last event of each channel, and when it arrived.

    `order`: event time in ms and trade id of the last ticker.
    `restarts` of a channel's trade ids: ids are compared only between channels that restarted equally often.
    """

    activity: SymbolActivity
    book: BinanceBookTicker | None = None
    book_at: datetime = NEVER
    day: BinanceDayTicker | None = None
    day_at: datetime = NEVER
    trade: BinanceTrade | None = None
    day_restarts: int = 0
    trade_restarts: int = 0
    order: tuple[int, int] = (-1, -1)
    order_restarts: int = 0
    context: "_Context | None" = None
    collected: list[BinanceTrade] = field(default_factory=list)
    collected_at: datetime = NEVER


class CollectedTrades(NamedTuple):
    """Trades of a symbol in their order, and the ticker of the last one.

    Several tickers if the last one may be refused.
    """

    tickers: tuple[Ticker, ...]
    trades: tuple[Trade, ...]
    received_at: datetime


class _Context(NamedTuple):
    """A ticker with the quotes and the statistics of a symbol.

    For events that arrive after `after`, and not later than `until`.
    """

    ticker: Ticker
    after: datetime
    until: datetime


class TickerMerger:
    """Merges events of one connection. Quotes of an earlier connection would be outdated."""

    def __init__(self, *, simulated: bool, monitor: ChannelMonitor | None = None) -> None:
        self._simulated = simulated
        self._monitor = monitor or ChannelMonitor()
        self._symbols: Mapping[str, Symbol] = {}
        self._last: dict[str, _LastEvents] = {}
        self._collected: dict[str, _LastEvents] = {}

    def track(self, symbols: Mapping[str, Symbol]) -> None:
        """Set the symbols to merge: our symbol by Binance's."""
        self._symbols = symbols
        self._last = {
            source_symbol: last for source_symbol, last in self._last.items() if source_symbol in symbols
        }
        for last in self._last.values():
            last.context = None
        self._collected = {name: last for name, last in self._collected.items() if name in symbols}

    def restart(self, source_symbols: Iterable[str]) -> None:
        """Accept whatever comes next of these symbols, because they are subscribed again."""
        for source_symbol in source_symbols:
            if last := self._last.get(source_symbol):
                last.order = (-1, -1)

    def collect(self, event: BinanceTrade, received_at: datetime, received_ms: int) -> bool:
        """Take a trade that is plainly newer than all before it, and make its ticker later.

        `False`, and nothing is done, if it is not: `merge` judges it by itself.
        """
        name, number = event.symbol, event.trade_id
        last = self._last.get(name)
        if last is None or (before := last.trade) is None or number <= before.trade_id:
            return False
        at, traded, (last_at, last_number) = event.event_time, event.trade_time, last.order
        if traded is None or event.quantity is None or not event.price.is_finite():
            return False
        at = max(at, traded)
        if traded < EARLIEST_MS or at < last_at or number <= last_number:
            return False
        if at - received_ms > MAX_AHEAD_MS or last.trade_restarts != last.order_restarts:
            return False
        if not last.collected:
            self._collected[name] = last
        last.collected.append(event)
        last.collected_at = received_at
        last.trade, last.order = event, (at, number)
        return True

    def take_collected(self) -> Sequence[CollectedTrades]:
        """Return what was collected of each symbol since the last call."""
        collected, self._collected = self._collected, {}
        return [self._take(name, last) for name, last in collected.items()]

    def take_collected_of(self, source_symbol: str) -> CollectedTrades | None:
        """Return what was collected of one symbol."""
        last = self._collected.pop(source_symbol, None)
        return None if last is None else self._take(source_symbol, last)

    def _take(self, source_symbol: str, last: _LastEvents) -> CollectedTrades:
        events, last.collected = last.collected, []
        received_at = last.collected_at
        self._on_trade(source_symbol, last, received_at)
        # A price that will be refused must hide none before it.
        shown = events[-1:] if _is_ordinary(events[-1].price) else events
        merged = len(events) - len(shown)
        tickers = tuple(self._to_ticker(last, event, received_at, merged) for event in shown)
        return CollectedTrades(tickers, tuple(map(to_known_trade, events)), received_at)

    def _to_ticker(
        self, last: _LastEvents, event: BinanceTrade, received_at: datetime, merged: int
    ) -> Ticker:
        order = (max(event.event_time, event.trade_time or 0), event.trade_id)
        return self._make_ticker(last, last.activity.symbol, event.price, order, received_at, merged=merged)

    def merge(
        self, event: BinanceTrade | BinanceBookTicker | BinanceDayTicker, received_at: datetime
    ) -> Ticker | SymbolActivity | None:
        """Return the ticker of an event, or activity for a book without a time or an outdated event.

        Returns `None` for a symbol that is not tracked.

        Raises:
            SourceProtocolError: the event's time is invalid, or its price, bid or ask is not finite.
        """
        check_event(event)
        symbol = self._symbols.get(event.symbol)
        if symbol is None:
            return None
        last = self._last.get(event.symbol)
        if last is None:
            last = self._last[event.symbol] = _LastEvents(SymbolActivity(symbol))
        match event:
            # The most frequent ones first.
            case BinanceTrade():
                return self._merge_trade(last, symbol, event, received_at)
            case BinanceBookTicker():
                self._monitor.on_message(event.symbol, BOOK)
                last.book, last.book_at, last.context = event, received_at, None
                return last.activity
            case BinanceDayTicker():
                return self._merge_day(last, symbol, event, received_at)

    def _merge_day(
        self, last: _LastEvents, symbol: Symbol, event: BinanceDayTicker, received_at: datetime
    ) -> Ticker | SymbolActivity:
        self._monitor.on_message(event.symbol, DAY)
        before = last.day
        if before is not None and _has_restarted(
            before.event_time, before.last_trade_id, event.event_time, event.last_trade_id
        ):
            last.day_restarts += 1
        self._compare(last, event)
        last.day, last.day_at, last.context = event, received_at, None
        order = (event.event_time, event.last_trade_id)
        return self._emit(last, symbol, event.price, order, received_at, restarts=last.day_restarts)

    def _merge_trade(
        self, last: _LastEvents, symbol: Symbol, event: BinanceTrade, received_at: datetime
    ) -> Ticker | SymbolActivity:
        self._on_trade(event.symbol, last, received_at)
        before = last.trade
        if before is not None and _has_restarted(
            before.event_time, before.trade_id, event.event_time, event.trade_id
        ):
            last.trade_restarts += 1
            before = None
        if before is None or event.trade_id >= before.trade_id:
            last.trade = event
        order = (max(event.event_time, event.trade_time or 0), event.trade_id)
        return self._emit(last, symbol, event.price, order, received_at, restarts=last.trade_restarts)

    def _on_trade(self, source_symbol: str, last: _LastEvents, received_at: datetime) -> None:
        self._monitor.on_message(source_symbol, TRADES)
        if received_at - last.day_at > DAY_BOUND:
            self._monitor.expect(source_symbol, DAY)

    def _compare(self, last: _LastEvents, day: BinanceDayTicker) -> None:
        """Compare what `@ticker` knows of quotes and trades with what their own channels sent."""
        quoted = last.book or last.day
        if quoted is not None and (quoted.bid, quoted.ask) != (day.bid, day.ask):
            self._monitor.expect(day.symbol, BOOK)
        elif last.book is not None:
            self._monitor.settle(day.symbol, BOOK)
        if last.trade is not None:
            traded: int | None = last.trade.trade_id
        else:
            traded = None if last.day is None else last.day.last_trade_id
        if last.day_restarts != last.trade_restarts:
            return
        if traded is not None and day.last_trade_id > traded:
            self._monitor.expect(day.symbol, TRADES)
        elif last.trade is not None:
            self._monitor.settle(day.symbol, TRADES)

    def _emit(
        self,
        last: _LastEvents,
        symbol: Symbol,
        price: Decimal,
        order: tuple[int, int],
        received_at: datetime,
        *,
        restarts: int,
    ) -> Ticker | SymbolActivity:
        ahead_ms = order[0] - last.order[0]
        is_old = order <= last.order and -ahead_ms <= OVERTAKEN_MS
        # Channels overtake each other, so that an earlier trade may come with a later time.
        went_back = last.order[1] - order[1] if restarts == last.order_restarts else 0
        is_overtaken = went_back > 0 and (ahead_ms <= OVERTAKEN_MS or went_back == 1)
        if is_old or is_overtaken:
            return last.activity
        last.order, last.order_restarts = order, restarts
        return self._make_ticker(last, symbol, price, order, received_at)

    def _make_ticker(
        self,
        last: _LastEvents,
        symbol: Symbol,
        price: Decimal,
        order: tuple[int, int],
        received_at: datetime,
        *,
        merged: int = 0,
    ) -> Ticker:
        at, number = order
        observed_at = parse_event_time(at)
        traded_at = _traded_at(last.trade, number, observed_at)
        context = last.context
        if context is None or not context.after < received_at <= context.until:
            context = last.context = self._make_context(last, symbol, price, received_at)
        # Several times as fast as making one with all its fields.
        return msgspec.structs.replace(
            context.ticker,
            price=price,
            observed_at=observed_at,
            received_at=received_at,
            sequence=max(number, 0),
            last_trade_at=traded_at,
            merged=merged,
        )

    def _make_context(
        self, last: _LastEvents, symbol: Symbol, price: Decimal, received_at: datetime
    ) -> _Context:
        """Return what the channels of quotes and statistics say, and how long they say it."""
        quotes, quoted_at = _quotes(last, received_at)
        bid, ask = (nonzero(quotes.bid), nonzero(quotes.ask)) if quotes else (None, None)
        day = last.day if received_at - last.day_at <= DAY_BOUND else None
        ticker = Ticker(
            source=Source.BINANCE,
            symbol=symbol,
            price=price,
            observed_at=received_at,
            observed_at_origin=ObservedAtOrigin.SOURCE,
            received_at=received_at,
            bid=bid,
            ask=ask,
            bid_size=quotes.bid_size if quotes and bid else None,
            ask_size=quotes.ask_size if quotes and ask else None,
            quoted_at=quoted_at if bid or ask else None,
            open_24h=nonzero(day.opening) if day else None,
            change_percent_24h=day.change_percent if day else None,
            high_24h=nonzero(day.high) if day else None,
            low_24h=nonzero(day.low) if day else None,
            volume_24h=day.volume if day else None,
            quote_volume_24h=day.quote_volume if day else None,
            simulated=self._simulated,
        )
        ends = (last.day_at + DAY_BOUND, last.book_at + BOOK_BOUND)
        after = max((end for end in ends if end < received_at), default=NEVER)
        until = min((end for end in ends if end >= received_at), default=FOREVER)
        return _Context(ticker, after, until)


def check_event(event: BinanceTrade | BinanceBookTicker | BinanceDayTicker) -> None:
    """Refuse an event that cannot be compared with later ones.

    Raises:
        SourceProtocolError: its time is out of range, or a price is not finite.
    """
    if isinstance(event, BinanceTrade):
        _check_price(event, event.price)
        parse_event_time(event.event_time)
        if event.trade_time is not None and event.trade_time != event.event_time:
            parse_event_time(event.trade_time)
        return
    _check_price(event, event.bid)
    _check_price(event, event.ask)
    if isinstance(event, BinanceDayTicker):
        parse_event_time(event.event_time)


def _is_ordinary(price: Decimal) -> bool:
    return is_printable(price) and 0 < price <= HIGHEST_PRICE


def _check_price(event: BinanceTrade | BinanceBookTicker | BinanceDayTicker, price: Decimal) -> None:
    if not price.is_finite():
        raise SourceProtocolError(
            Source.BINANCE, f"{event.symbol}: a price of {price}: expected a finite number"
        )


def _has_restarted(at: int, number: int, later_at: int, later_number: int) -> bool:
    """Return whether a channel's trade ids went back by more than an event as its times went on."""
    return later_number < number - 1 and later_at > at


def _traded_at(trade: BinanceTrade | None, number: int, observed_at: datetime) -> datetime | None:
    """Return when trade `number` was, if the trade channel told, by a clock that was right."""
    if trade is None or trade.trade_time is None or trade.trade_id != number:
        return None
    traded_at = parse_event_time(trade.trade_time)
    return traded_at if traded_at <= observed_at else None


def _quotes(
    last: _LastEvents, now: datetime
) -> tuple[BinanceBookTicker | BinanceDayTicker | None, datetime | None]:
    """Return the newest quotes within the bound of their channel, and when they were published.

    `@bookTicker` has no time, so its arrival counts. `@ticker` is newer only if it arrived so much later that it cannot have been
    computed before the book changed.
    """
    day = last.day if now - last.day_at <= DAY_BOUND else None
    book = last.book if now - last.book_at <= BOOK_BOUND else None
    if day is not None and (book is None or last.day_at - last.book_at > OVERTAKEN):
        return day, parse_event_time(day.event_time)
    return book, last.book_at
