"""What the wire protocols need from a market, whoever makes it up: ports and the plain values they pass."""

from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

DayTicker = Mapping[str, str | int | None]
"""The fields of Binance's `ticker.24hr` (FULL) that are known, under their wire names."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A symbol as exchangeInfo lists it. `base`, `quote`, `tick_size` are None where nothing tells them."""

    symbol: str
    base: str | None
    quote: str | None
    tick_size: str | None = None
    status: str = "TRADING"


@dataclass(frozen=True, slots=True)
class Coin:
    """A coin as CoinGecko lists it; `symbol` in lower case."""

    id: str
    symbol: str
    name: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a market stream, as text: `data` for raw connections, `combined` for combined ones."""

    stream: str
    data: str
    combined: str

    @classmethod
    def plain(cls, stream: str, text: str) -> "Frame":
        """A message of an exchange that knows one form only."""
        return cls(stream, text, text)


@dataclass(frozen=True, slots=True)
class InstrumentSnapshot:
    """One instrument at one exchange: prices and quantities exact, moments in ns; `event_ns` is that of the last change."""

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


class Venue(Protocol):
    """An exchange that is a push feed only, besides its listing."""

    def listings(self) -> Mapping[str, Listing]:
        """Everything it lists, by its own code."""

    def initial_frame(self, stream: str) -> Frame | None:
        """What a new subscriber of a stream is told at once; None where there is no such stream or nothing to say yet."""


class BinanceMarket(Protocol):
    """State of Binance Spot at the moment up to which its world has been advanced."""

    def listings(self) -> Mapping[str, Listing]:
        """Every listed symbol."""

    def day(self, symbol: str) -> DayTicker | None:
        """The known 24 h fields of a listed symbol; None when no price was seen yet."""

    def price(self, symbol: str) -> str | None:
        """The last price as Binance's text; None when none was seen yet."""

    def book(self, symbol: str) -> Mapping[str, str] | None:
        """`bidPrice bidQty askPrice askQty`; None when no book was seen yet."""


class CoinGeckoMarket(Protocol):
    """State of CoinGecko at the moment up to which its world has been advanced."""

    def coins(self) -> Mapping[str, Coin]:
        """Every coin by id, in the order of market capitalisation (largest first)."""

    def quote(self, coin_id: str, currency: str, *, full: bool = False) -> Mapping[str, str]:
        """Known JSON numbers, the price with all digits when `full`, by key (`usd`, `usd_market_cap`, `usd_24h_vol`, `usd_24h_change`, `last_updated_at`)."""

    def seen(self, coin_id: str) -> bool:
        """Whether an answer would have a key for this coin."""

    def currencies(self) -> Collection[str]:
        """Every quote currency that is supported."""

    def max_age_seconds(self) -> tuple[int, int]:
        """`max-age` and `s-maxage` of an answer. Zero for the second means that the edge keeps no copy."""


class World(Protocol):
    """A source of market events, driven by explicit time. Nothing in it reads a clock."""

    @property
    def label(self) -> str:
        """What it is, for `X-Ratewire-Simulated`: `generated seed=7` or `replay <file name(s)>`."""

    @property
    def binance(self) -> BinanceMarket:
        """Binance in this world."""

    @property
    def coingecko(self) -> CoinGeckoMarket:
        """CoinGecko in this world."""

    @property
    def venues(self) -> Mapping[str, Venue]:
        """The push feeds in this world, by source; one that is missing lists nothing and says nothing."""

    def begin(self, now_ns: int) -> None:
        """A client asked for prices for the first time at `now_ns`; calling it again changes nothing."""

    def advance(self, now_ns: int, wanted: Container[str]) -> Iterator[Frame]:
        """Move on to `now_ns`, yielding the frames of `wanted` streams in order; state follows the iteration."""

    def due_ns(self) -> int | None:
        """When the next event is due; None when there is none to wait for."""

    def status(self) -> dict[str, object]:
        """Facts for people: what is played, since when, how far, whether it has ended."""
