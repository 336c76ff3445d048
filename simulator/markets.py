"""Interfaces between the wire protocols and a generated or replayed market."""

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

DayTicker = Mapping[str, str | int | None]
"""The fields of Binance's `ticker.24hr` (FULL) that are known, under their wire names."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A listed instrument.

    `base`, `quote` and `tick_size` are None where the market does not know them.
    """

    symbol: str
    base: str | None
    quote: str | None
    tick_size: str | None = None
    status: str = "TRADING"


@dataclass(frozen=True, slots=True)
class Coin:
    """A coin of CoinGecko's list; `symbol` in lower case."""

    id: str
    symbol: str
    name: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a market stream.

    `data` is for raw connections; `combined` has Binance's stream wrapper.
    """

    stream: str
    data: str
    combined: str

    @classmethod
    def plain(cls, stream: str, text: str) -> "Frame":
        """A message of an exchange without a wrapped form."""
        return cls(stream, text, text)


@dataclass(frozen=True, slots=True)
class InstrumentSnapshot:
    """The state of one instrument at one exchange: exact prices and quantities, times in ns.

    `event_ns` is the time of the last change.
    """

    code: str
    last: Decimal
    last_quantity: Decimal
    buyer_is_maker: bool
    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal
    open: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal
    quote_volume: Decimal
    trade_ns: int
    event_ns: int
    trade_id: int
    sequence: int


@dataclass(frozen=True, slots=True)
class PublishedKline:
    """A minute as an exchange publishes it: exact prices and quantities.

    Without a trade it is flat.
    """

    start_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    count: int


class Venue(Protocol):
    """The market of an exchange that has a push feed and a listing."""

    def listings(self) -> Mapping[str, Listing]:
        """All listed instruments, by the exchange's code."""

    def initial_frame(self, stream: str) -> Frame | None:
        """The first frame for a new subscriber.

        None if the stream is unknown or has no initial frame.
        """

    def klines(self, code: str, start_ns: int, end_ns: int, /) -> Sequence[PublishedKline]:
        """The minutes of a listed code that begin between both times, in order.

        Only minutes of which this market knows all trades; none in a replay.
        """


class BinanceMarket(Protocol):
    """Binance Spot's market data at the current time of its world."""

    def listings(self) -> Mapping[str, Listing]:
        """All listed symbols."""

    def ticker_24h(self, symbol: str) -> DayTicker | None:
        """The known 24 h fields of a listed symbol; None before its first price."""

    def last_price(self, symbol: str) -> str | None:
        """The last price as Binance formats it; None before the first one."""

    def book_ticker(self, symbol: str) -> Mapping[str, str] | None:
        """`bidPrice bidQty askPrice askQty`; None before the first quote."""

    def klines(self, symbol: str, start_ns: int, end_ns: int, /) -> Sequence[PublishedKline]:
        """The minutes of a listed symbol, as in `Venue.klines`."""


class CoinGeckoMarket(Protocol):
    """CoinGecko's data at the current time of its world."""

    def coins(self) -> Mapping[str, Coin]:
        """All coins by id, by descending market capitalisation."""

    def quote(self, coin_id: str, currency: str, *, full: bool = False) -> Mapping[str, str]:
        """The known JSON numbers by key.

        Keys: `usd`, `usd_market_cap`, `usd_24h_vol`, `usd_24h_change`, `last_updated_at`.

        With `full`, the price has all its digits.
        """

    def has_price(self, coin_id: str) -> bool:
        """Whether answers contain a key for this coin."""

    def currencies(self) -> Collection[str]:
        """All supported quote currencies."""

    def max_age_seconds(self) -> tuple[int, int]:
        """`max-age` and `s-maxage` of an answer, in seconds.

        0 as the second means that the CDN caches nothing.
        """


class World(Protocol):
    """A source of market events, driven by explicit time; it reads no clock."""

    @property
    def label(self) -> str:
        """The value of `X-Ratewire-Simulated`: `generated seed=7` or `replay <file names>`."""

    @property
    def binance(self) -> BinanceMarket:
        """Binance's market."""

    @property
    def coingecko(self) -> CoinGeckoMarket:
        """CoinGecko's market."""

    @property
    def venues(self) -> Mapping[str, Venue]:
        """The markets of the push feeds, by source.

        A missing one lists nothing and publishes nothing.
        """

    @property
    def waits_for_clients(self) -> bool:
        """Whether a slow client delays the market (a replay) instead of being disconnected."""

    def begin(self, now_ns: int) -> None:
        """Start at `now_ns`, when the first client asks for prices; later calls have no effect."""

    def advance(self, now_ns: int, wanted: Container[str]) -> Iterator[Frame]:
        """Advance to `now_ns` and yield the frames of `wanted` streams in order.

        State changes with the iteration.
        """

    def due_ns(self) -> int | None:
        """The time of the next event; None if there is none."""

    def status(self) -> dict[str, object]:
        """Facts for the status page: what is played, since when, how far, and whether it has ended."""
