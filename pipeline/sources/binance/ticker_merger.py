"""Merges the events of one connection into tickers, with the last values of each symbol.

Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pipeline.feeds.protocol import SymbolActivity
from pipeline.sources.binance.messages import BinanceBookTicker, BinanceDayTicker, BinanceTrade
from pipeline.sources.binance.tickers import nonzero, parse_event_time
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker

# How far an event's time may be behind that of an earlier one: channels are milliseconds apart. Beyond that, the source's clock
# was wrong and has been corrected, and waiting for it to catch up would look like a frozen market.
OVERTAKEN_MS = 1000


@dataclass(slots=True)
class _LastEvents:
    """The last event of each kind. `order`: event time in ms and trade id of the last ticker."""

    activity: SymbolActivity
    book: BinanceBookTicker | None = None
    day: BinanceDayTicker | None = None
    order: tuple[int, int] = (-1, -1)


class TickerMerger:
    """Merges events of one connection. Quotes of an earlier connection would be outdated."""

    def __init__(self, *, simulated: bool) -> None:
        self._simulated = simulated
        self._symbols: Mapping[str, Symbol] = {}
        self._last: dict[str, _LastEvents] = {}

    def track(self, symbols: Mapping[str, Symbol]) -> None:
        """Set the symbols to merge: our symbol by Binance's."""
        self._symbols = symbols
        self._last = {
            source_symbol: last for source_symbol, last in self._last.items() if source_symbol in symbols
        }

    def merge(
        self, event: BinanceTrade | BinanceBookTicker | BinanceDayTicker, received_at: datetime
    ) -> Ticker | SymbolActivity | None:
        """Return the ticker of an event, or activity for a book without a time or an outdated event.

        Returns `None` for a symbol that is not tracked.

        Raises:
            SourceProtocolError: the event's time is invalid.
        """
        symbol = self._symbols.get(event.symbol)
        if symbol is None:
            return None
        last = self._last.get(event.symbol)
        if last is None:
            last = self._last[event.symbol] = _LastEvents(SymbolActivity(symbol))
        match event:
            case BinanceBookTicker():
                last.book = event
                return last.activity
            case BinanceDayTicker():
                last.day = event
                return self._emit(
                    last, symbol, event.price, (event.event_time, event.last_trade_id), received_at
                )
            case BinanceTrade():
                return self._emit(last, symbol, event.price, (event.event_time, event.trade_id), received_at)

    def _emit(
        self,
        last: _LastEvents,
        symbol: Symbol,
        price: Decimal,
        order: tuple[int, int],
        received_at: datetime,
    ) -> Ticker | SymbolActivity:
        # Channels overtake each other. An earlier trade must not replace a later one, whatever its event time.
        is_old = order <= last.order and last.order[0] - order[0] <= OVERTAKEN_MS
        if is_old or order[1] < last.order[1]:
            return last.activity
        observed_at = parse_event_time(order[0])
        last.order = order
        best, day = last.book or last.day, last.day
        return Ticker(
            source=Source.BINANCE,
            symbol=symbol,
            price=price,
            observed_at=observed_at,
            observed_at_origin=ObservedAtOrigin.SOURCE,
            received_at=received_at,
            sequence=max(order[1], 0),
            bid=nonzero(best.bid) if best else None,
            ask=nonzero(best.ask) if best else None,
            change_percent_24h=day.change_percent if day else None,
            high_24h=nonzero(day.high) if day else None,
            low_24h=nonzero(day.low) if day else None,
            volume_24h=day.volume if day else None,
            simulated=self._simulated,
        )
