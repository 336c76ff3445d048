"""A market around the market: what it tells while faults are on. Wire code asks it as it would ask the real one."""

from collections.abc import Callable, Collection, Container, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from simulator.faults import values
from simulator.faults.board import FaultBoard
from simulator.faults.fault import Fault
from simulator.faults.frames import FrameFaults, source_of, symbol_of
from simulator.markets import BinanceMarket, Coin, CoinGeckoMarket, DayTicker, Frame, Listing, Venue, World
from simulator.sources import BINANCE, COINGECKO

HALTED = {
    "binance": "BREAK",
    "coinbase": "delisted",
    "kraken": "cancel_only",
    "okx": "suspend",
    "bybit": "Closed",
}
ZERO = "0.00000000"
# Of a message's prices, the one of the last trade.
PRICE_KEYS = ("p", "c", "price", "last", "lastPrice")
_POLLED_PRICES = ("lastPrice", "bidPrice", "askPrice")
_QUOTES = ("bidPrice", "askPrice", "bidQty", "askQty")


class Ledger(Protocol):
    """Told of every price that leaves the simulator."""

    def note(self, source: str, symbol: str, price: str) -> None:
        """A source published a price, in its own spelling."""


class NoLedger:
    """Nobody wants to know."""

    def note(self, source: str, symbol: str, price: str) -> None:
        """Nothing."""


class FaultyWorld:
    """The world as clients see it."""

    def __init__(self, world: World, board: FaultBoard, ledger: Ledger) -> None:
        self._world = world
        self._frames = FrameFaults(board)
        self._ledger = ledger
        self.binance: BinanceMarket = FaultyBinance(world.binance, board, ledger)
        self.coingecko: CoinGeckoMarket = FaultyCoinGecko(world.coingecko, board, ledger)
        self.venues: Mapping[str, Venue] = {
            source: FaultyVenue(source, venue, board, self._frames, ledger)
            for source, venue in world.venues.items()
        }

    @property
    def label(self) -> str:
        """What it is."""
        return self._world.label

    def begin(self, now_ns: int) -> None:
        """A client asked for prices."""
        self._world.begin(now_ns)

    def advance(self, now_ns: int, wanted: Container[str]) -> Iterator[Frame]:
        """The world's frames as they become, and those that were held back."""
        for frame in self._world.advance(now_ns, wanted):
            for passed in self._frames.passed(frame):
                _note(self._ledger, passed)
                yield passed
        for frame in self._frames.due(now_ns):
            _note(self._ledger, frame)
            yield frame

    def due_ns(self) -> int | None:
        """When the next frame is due."""
        moments = (self._world.due_ns(), self._frames.due_ns())
        return min((moment for moment in moments if moment is not None), default=None)

    def status(self) -> dict[str, object]:
        """Facts for people."""
        return self._world.status()


class FaultyBinance:
    """Binance as its requests are answered."""

    def __init__(self, market: BinanceMarket, board: FaultBoard, ledger: Ledger) -> None:
        self._market = market
        self._board = board
        self._ledger = ledger

    def listings(self) -> Mapping[str, Listing]:
        """Every symbol, halted ones as BREAK: dead pairs stay listed for years."""
        return _halted(BINANCE, self._market.listings(), self._board)

    def day(self, symbol: str) -> DayTicker | None:
        """The 24 h fields; a halted symbol keeps its last price and loses its quotes [exchanges.md 7 item 9]."""
        day = self._market.day(symbol)
        for fault in _faults(self._board, BINANCE, symbol):
            day = None if day is None else _changed_day(fault, symbol, day)
        if day is not None and day.get("lastPrice"):
            self._ledger.note(BINANCE, symbol, str(day["lastPrice"]))
        return day

    def price(self, symbol: str) -> str | None:
        """The last price."""
        day = self.day(symbol)
        price = None if day is None else day.get("lastPrice")
        return price if isinstance(price, str) else self._market.price(symbol)

    def book(self, symbol: str) -> Mapping[str, str] | None:
        """The top of the book."""
        book = self._market.book(symbol)
        halted = any(fault.kind == "delisted" for fault in _faults(self._board, BINANCE, symbol))
        return dict.fromkeys(book, ZERO) if book is not None and halted else book


class FaultyCoinGecko:
    """CoinGecko as its requests are answered."""

    def __init__(self, market: CoinGeckoMarket, board: FaultBoard, ledger: Ledger) -> None:
        self._market = market
        self._board = board
        self._ledger = ledger

    def coins(self) -> Mapping[str, Coin]:
        """Every coin that is not gone from the list."""
        gone = {
            coin for fault in self._board.of(COINGECKO) if fault.kind == "delisted" for coin in fault.symbols
        }
        everything = any(
            fault.kind == "delisted" and not fault.symbols for fault in self._board.of(COINGECKO)
        )
        coins = self._market.coins()
        return {} if everything else {coin_id: coin for coin_id, coin in coins.items() if coin_id not in gone}

    def seen(self, coin_id: str) -> bool:
        """Whether an answer has a key for it."""
        missing = any(
            fault.kind in ("silent", "delisted") for fault in _faults(self._board, COINGECKO, coin_id)
        )
        return not missing and self._market.seen(coin_id)

    def quote(self, coin_id: str, currency: str, *, full: bool = False) -> Mapping[str, str]:
        """The known numbers."""
        quote = self._market.quote(coin_id, currency, full=full)
        for fault in _faults(self._board, COINGECKO, coin_id):
            quote = _changed_quote(fault, f"{coin_id}/{currency}", currency, quote)
        if currency in quote:
            self._ledger.note(COINGECKO, coin_id, quote[currency])
        return quote

    def currencies(self) -> Collection[str]:
        """Every quote currency."""
        return self._market.currencies()

    def max_age_seconds(self) -> tuple[int, int]:
        """How long answers may be kept."""
        return self._market.max_age_seconds()


class FaultyVenue:
    """A push feed's market."""

    def __init__(
        self, source: str, venue: Venue, board: FaultBoard, frames: FrameFaults, ledger: Ledger
    ) -> None:
        self._ledger = ledger
        self._source = source
        self._venue = venue
        self._board = board
        self._frames = frames

    def listings(self) -> Mapping[str, Listing]:
        """Every code, halted ones in the source's own word."""
        return _halted(self._source, self._venue.listings(), self._board)

    def first(self, stream: str) -> Frame | None:
        """What a new subscriber is told, if anything is left of it."""
        first = self._venue.first(stream)
        passed = None if first is None else next(self._frames.passed(first), None)
        if passed is not None:
            _note(self._ledger, passed)
        return passed


def _note(ledger: Ledger, frame: Frame) -> None:
    symbol = symbol_of(frame.stream)
    if isinstance(ledger, NoLedger) or symbol is None:
        return
    source = source_of(frame.stream)
    try:
        prices = values.prices_of(source, frame.data)
    except ValueError:
        return  # garbage has no price
    price = next((price for key, price in prices.items() if key in PRICE_KEYS), None)
    if isinstance(price, str):
        ledger.note(source, symbol, price)


def _faults(board: FaultBoard, source: str, symbol: str) -> list[Fault]:
    return [fault for fault in board.of(source) if fault.concerns(symbol)]


def _halted(source: str, listings: Mapping[str, Listing], board: FaultBoard) -> Mapping[str, Listing]:
    faults = [fault for fault in board.of(source) if fault.kind == "delisted"]
    if not faults:
        return listings
    return {
        symbol: replace(listing, status=HALTED[source])
        if any(fault.concerns(symbol) for fault in faults)
        else listing
        for symbol, listing in listings.items()
    }


def _changed_day(fault: Fault, symbol: str, day: DayTicker) -> DayTicker:
    change = _DAY_CHANGES.get(fault.kind)
    if change is None:
        return day
    fault.hit()
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


def _changed_quote(fault: Fault, key: str, currency: str, quote: Mapping[str, str]) -> Mapping[str, str]:
    change = _QUOTE_CHANGES.get(fault.kind)
    if change is None or currency not in quote:
        return quote
    fault.hit()
    return change(fault, key, currency, quote)


def _frozen_quote(fault: Fault, key: str, currency: str, quote: Mapping[str, str]) -> Mapping[str, str]:
    kept = fault.memory.setdefault(key, quote)
    assert isinstance(kept, Mapping)
    return kept if fault.parameters["mode"] == "repeat" else {**quote, currency: kept[currency]}


def _late_quote(fault: Fault, _key: str, _currency: str, quote: Mapping[str, str]) -> Mapping[str, str]:
    offset = int(fault.number("offset_s"))
    times = {name: value for name, value in quote.items() if name == "last_updated_at"}
    return {**quote, **{name: str(int(value) + offset) for name, value in times.items()}}


_QuoteChange = Callable[[Fault, str, str, Mapping[str, str]], Mapping[str, str]]
_QUOTE_CHANGES: Mapping[str, _QuoteChange] = {
    "nulls": lambda _fault, _key, currency, quote: {
        **quote,
        currency: "null",
        f"{currency}_24h_change": "null",
    },
    "missing": lambda _fault, _key, _currency, _quote: {},
    "zero-prices": lambda _fault, _key, currency, quote: {**quote, currency: "0"},
    "exponents": lambda _fault, _key, currency, quote: {**quote, currency: f"{Decimal(quote[currency]):e}"},
    "clock": _late_quote,
    "frozen": _frozen_quote,
}
