"""Binance's answers under faults: the 24 h fields and the book.

Its streams are altered as frames.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from simulator.faults.active_faults import ActiveFaults
from simulator.faults.fault import Fault
from simulator.faults.halted_listings import with_halted
from simulator.faults.price_observer import PriceObserver
from simulator.markets import BinanceMarket, DayTicker, Listing, PublishedKline
from simulator.sources import BINANCE

ZERO = "0.00000000"
_POLLED_PRICES = ("lastPrice", "bidPrice", "askPrice")
_QUOTES = ("bidPrice", "askPrice", "bidQty", "askQty")


class FaultyBinance:
    """Binance's market as clients see it under faults."""

    def __init__(
        self, market: BinanceMarket, active_faults: ActiveFaults, price_observer: PriceObserver
    ) -> None:
        self._market = market
        self._active_faults = active_faults
        self._price_observer = price_observer

    def listings(self) -> Mapping[str, Listing]:
        """All symbols, halted ones with status BREAK: dead pairs stay listed for years."""
        return with_halted(BINANCE, self._market.listings(), self._active_faults)

    def ticker_24h(self, symbol: str) -> DayTicker | None:
        """The 24 h fields.

        A halted symbol keeps its last price and loses its quotes [exchanges.md 7 item 9].
        """
        ticker_24h = self._market.ticker_24h(symbol)
        for fault in self._active_faults.for_symbol(BINANCE, symbol):
            ticker_24h = None if ticker_24h is None else _changed_day(fault, symbol, ticker_24h)
        if ticker_24h is not None and ticker_24h.get("lastPrice"):
            self._price_observer.on_price(BINANCE, symbol, str(ticker_24h["lastPrice"]))
        return ticker_24h

    def last_price(self, symbol: str) -> str | None:
        """The last price."""
        ticker_24h = self.ticker_24h(symbol)
        last_price = None if ticker_24h is None else ticker_24h.get("lastPrice")
        return last_price if isinstance(last_price, str) else self._market.last_price(symbol)

    def book_ticker(self, symbol: str) -> Mapping[str, str] | None:
        """The best prices."""
        book_ticker = self._market.book_ticker(symbol)
        is_halted = any(fault.kind == "delisted" for fault in self._active_faults.for_symbol(BINANCE, symbol))
        return dict.fromkeys(book_ticker, ZERO) if book_ticker is not None and is_halted else book_ticker

    def klines(self, symbol: str, start_ns: int, end_ns: int) -> Sequence[PublishedKline]:
        """The market's own minutes: faults of messages do not reach them."""
        return self._market.klines(symbol, start_ns, end_ns)


def _changed_day(fault: Fault, symbol: str, ticker_24h: DayTicker) -> DayTicker:
    change = _DAY_CHANGES.get(fault.kind)
    if change is None:
        return ticker_24h
    fault.record_hit()
    return change(fault, symbol, ticker_24h)


def _remembered(fault: Fault, symbol: str, ticker_24h: DayTicker) -> DayTicker:
    kept = fault.memory.setdefault(f"day {symbol}", ticker_24h)
    assert isinstance(kept, Mapping)
    return kept


def _frozen_day(fault: Fault, symbol: str, ticker_24h: DayTicker) -> DayTicker:
    still = _remembered(fault, symbol, ticker_24h)
    if fault.parameters["mode"] == "repeat":
        return still
    return {**ticker_24h, **{key: still[key] for key in _POLLED_PRICES if key in still}}


def _late_day(fault: Fault, _symbol: str, ticker_24h: DayTicker) -> DayTicker:
    offset_ms = int(fault.number("offset_s") * 1000)
    times = {key: ticker_24h[key] for key in ("openTime", "closeTime") if key in ticker_24h}
    return {
        **ticker_24h,
        **{key: int(value) + offset_ms for key, value in times.items() if value is not None},
    }


def _exponent_day(_fault: Fault, _symbol: str, ticker_24h: DayTicker) -> DayTicker:
    return {
        **ticker_24h,
        **{key: f"{Decimal(str(ticker_24h[key])):e}" for key in _POLLED_PRICES if key in ticker_24h},
    }


def _other_day(fault: Fault, _symbol: str, ticker_24h: DayTicker) -> DayTicker:
    factor = Decimal(str(fault.number("factor")))
    return {
        **ticker_24h,
        **{key: f"{Decimal(str(ticker_24h[key])) * factor:f}" for key in _POLLED_PRICES if key in ticker_24h},
    }


_DayChange = Callable[[Fault, str, DayTicker], DayTicker]
_DAY_CHANGES: Mapping[str, _DayChange] = {
    "nulls": lambda _fault, _symbol, ticker_24h: {**ticker_24h, **dict.fromkeys(_POLLED_PRICES)},
    "missing": lambda _fault, _symbol, ticker_24h: {
        key: value for key, value in ticker_24h.items() if key not in _POLLED_PRICES
    },
    "zero-prices": lambda _fault, _symbol, ticker_24h: {**ticker_24h, **dict.fromkeys(_POLLED_PRICES, ZERO)},
    "exponents": _exponent_day,
    "other-asset": _other_day,
    "clock": _late_day,
    "delisted": lambda fault, symbol, ticker_24h: {
        **_remembered(fault, symbol, ticker_24h),
        **dict.fromkeys(_QUOTES, ZERO),
    },
    "frozen": _frozen_day,
    "silent": _remembered,
}
