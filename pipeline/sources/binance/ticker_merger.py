"""Merges one connection's events into tickers. Pure: what was seen last of each symbol, and what that makes of an event."""

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

# By how much an event's time may lie before that of an earlier one: channels are milliseconds apart. Beyond it the clock of the
# source was wrong and has been put right, and waiting until it is as late again would look like a frozen market.
OVERTAKEN_MS = 1000


@dataclass(slots=True)
class _LastEvents:
    """The last of each kind for one symbol. `order` is event time in ms and trade id of the last emitted ticker."""

    pulse: SymbolActivity
    book: BinanceBookTicker | None = None
    day: BinanceDayTicker | None = None
    order: tuple[int, int] = (-1, -1)


class TickerMerger:
    """Starts empty with every connection: quotes of a dead one may be long gone."""

    def __init__(self, *, simulated: bool) -> None:
        self._simulated = simulated
        self._symbols: Mapping[str, Symbol] = {}
        self._seen: dict[str, _LastEvents] = {}

    def track(self, symbols: Mapping[str, Symbol]) -> None:
        """From now on only these: our symbol by Binance's spelling."""
        self._symbols = symbols
        self._seen = {spelling: seen for spelling, seen in self._seen.items() if spelling in symbols}

    def merge(
        self, event: BinanceTrade | BinanceBookTicker | BinanceDayTicker, received_at: datetime
    ) -> Ticker | SymbolActivity | None:
        """The ticker that an event makes. Best prices alone have no time, and old news is no news: signs of life, no more.
        Nothing of a symbol that is not tracked.

        Raises:
            SourceProtocolError: the event's time is none.
        """
        symbol = self._symbols.get(event.symbol)
        if symbol is None:
            return None
        seen = self._seen.get(event.symbol)
        if seen is None:
            seen = self._seen[event.symbol] = _LastEvents(SymbolActivity(symbol))
        match event:
            case BinanceBookTicker():
                seen.book = event
                return seen.pulse
            case BinanceDayTicker():
                seen.day = event
                return self._emit(
                    seen, symbol, event.price, (event.event_time, event.last_trade_id), received_at
                )
            case BinanceTrade():
                return self._emit(seen, symbol, event.price, (event.event_time, event.trade_id), received_at)

    def _emit(
        self,
        seen: _LastEvents,
        symbol: Symbol,
        price: Decimal,
        order: tuple[int, int],
        received_at: datetime,
    ) -> Ticker | SymbolActivity:
        # Channels overtake each other: the price of an earlier trade would turn the price back, whatever its event time.
        is_old = order <= seen.order and seen.order[0] - order[0] <= OVERTAKEN_MS
        if is_old or order[1] < seen.order[1]:
            return seen.pulse
        observed_at = parse_event_time(order[0])
        seen.order = order
        best, day = seen.book or seen.day, seen.day
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
