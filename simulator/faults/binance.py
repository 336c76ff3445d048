"""Binance's answers under faults: the 24 h fields and the book. Its streams are altered as frames."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from simulator.faults.active_faults import ActiveFaults
from simulator.faults.fault import Fault
from simulator.faults.halted_listings import with_halted
from simulator.faults.price_observer import PriceObserver
from simulator.markets import BinanceMarket, DayTicker, Listing
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

    def day(self, symbol: str) -> DayTicker | None:
        """The 24 h fields; a halted symbol keeps its last price and loses its quotes [exchanges.md 7 item 9]."""
        day = self._market.day(symbol)
        for fault in self._active_faults.for_symbol(BINANCE, symbol):
            day = None if day is None else _changed_day(fault, symbol, day)
        if day is not None and day.get("lastPrice"):
            self._price_observer.note(BINANCE, symbol, str(day["lastPrice"]))
        return day

    def price(self, symbol: str) -> str | None:
        """The last price."""
        day = self.day(symbol)
        price = None if day is None else day.get("lastPrice")
        return price if isinstance(price, str) else self._market.price(symbol)

    def book(self, symbol: str) -> Mapping[str, str] | None:
        """The best prices."""
        book = self._market.book(symbol)
        is_halted = any(fault.kind == "delisted" for fault in self._active_faults.for_symbol(BINANCE, symbol))
        return dict.fromkeys(book, ZERO) if book is not None and is_halted else book


def _changed_day(fault: Fault, symbol: str, day: DayTicker) -> DayTicker:
    change = _DAY_CHANGES.get(fault.kind)
    if change is None:
        return day
    fault.record_hit()
    return change(fault, symbol, day)


def _remembered(fault: Fault, symbol: str, day: DayTicker) -> DayTicker:
    kept = fault.memory.setdefault(f"day {symbol}", day)
    assert isinstance(kept, Mapping)
    return kept


def _frozen_day(fault: Fault, symbol: str, day: DayTicker) -> DayTicker:
    still = _remembered(fault, symbol, day)
    if fault.parameters["mode"] == "repeat":
        return still
    return {**day, **{key: still[key] for key in _POLLED_PRICES if key in still}}


def _late_day(fault: Fault, _symbol: str, day: DayTicker) -> DayTicker:
    offset_ms = int(fault.number("offset_s") * 1000)
    times = {key: day[key] for key in ("openTime", "closeTime") if key in day}
    return {**day, **{key: int(value) + offset_ms for key, value in times.items() if value is not None}}


def _exponent_day(_fault: Fault, _symbol: str, day: DayTicker) -> DayTicker:
    return {**day, **{key: f"{Decimal(str(day[key])):e}" for key in _POLLED_PRICES if key in day}}


_DayChange = Callable[[Fault, str, DayTicker], DayTicker]
_DAY_CHANGES: Mapping[str, _DayChange] = {
    "nulls": lambda _fault, _symbol, day: {**day, **dict.fromkeys(_POLLED_PRICES)},
    "missing": lambda _fault, _symbol, day: {
        key: value for key, value in day.items() if key not in _POLLED_PRICES
    },
    "zero-prices": lambda _fault, _symbol, day: {**day, **dict.fromkeys(_POLLED_PRICES, ZERO)},
    "exponents": _exponent_day,
    "clock": _late_day,
    "delisted": lambda fault, symbol, day: {
        **_remembered(fault, symbol, day),
        **dict.fromkeys(_QUOTES, ZERO),
    },
    "frozen": _frozen_day,
    "silent": _remembered,
}
