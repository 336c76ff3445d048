"""A market wrapper that applies faults; wire code uses it like the real market."""

from collections.abc import Container, Iterator, Mapping, Sequence

from simulator.faults import values
from simulator.faults.active_faults import ActiveFaults
from simulator.faults.binance import FaultyBinance
from simulator.faults.coingecko import FaultyCoinGecko
from simulator.faults.frame_faults import FrameFaults, source_of_stream, symbol_of_stream
from simulator.faults.halted_listings import with_halted
from simulator.faults.price_observer import NullPriceObserver, PriceObserver
from simulator.markets import BinanceMarket, CoinGeckoMarket, Frame, Listing, PublishedKline, Venue, World

# The keys of the last trade's price.
PRICE_KEYS = ("p", "px", "c", "price", "last", "lastPrice")


class FaultyWorld:
    """The market as clients see it under faults."""

    def __init__(self, world: World, active_faults: ActiveFaults, price_observer: PriceObserver) -> None:
        self._world = world
        self._frames = FrameFaults(active_faults)
        self._price_observer = price_observer
        self.binance: BinanceMarket = FaultyBinance(world.binance, active_faults, price_observer)
        self.coingecko: CoinGeckoMarket = FaultyCoinGecko(world.coingecko, active_faults, price_observer)
        self.venues: Mapping[str, Venue] = {
            source: FaultyVenue(source, venue, active_faults, self._frames, price_observer)
            for source, venue in world.venues.items()
        }

    @property
    def label(self) -> str:
        """The wrapped market's label."""
        return self._world.label

    @property
    def waits_for_clients(self) -> bool:
        """Whether the wrapped market waits for slow clients."""
        return self._world.waits_for_clients

    def begin(self, now_ns: int) -> None:
        """Start the wrapped market."""
        self._world.begin(now_ns)

    def advance(self, now_ns: int, wanted: Container[str]) -> Iterator[Frame]:
        """Yield the market's frames after faults, then the delayed ones that are due."""
        for frame in self._world.advance(now_ns, wanted):
            for changed in self._frames.apply(frame):
                _report_price(self._price_observer, changed)
                yield changed
        for frame in self._frames.due(now_ns):
            _report_price(self._price_observer, frame)
            yield frame

    def due_ns(self) -> int | None:
        """The time of the next frame."""
        times = (self._world.due_ns(), self._frames.due_ns())
        return min((time_ns for time_ns in times if time_ns is not None), default=None)

    def status(self) -> dict[str, object]:
        """The wrapped market's status."""
        return self._world.status()


class FaultyVenue:
    """A push feed's market under faults."""

    def __init__(
        self,
        source: str,
        venue: Venue,
        active_faults: ActiveFaults,
        frames: FrameFaults,
        price_observer: PriceObserver,
    ) -> None:
        self._price_observer = price_observer
        self._source = source
        self._venue = venue
        self._active_faults = active_faults
        self._frames = frames

    def listings(self) -> Mapping[str, Listing]:
        """All listings, halted ones in the source's own status."""
        return with_halted(self._source, self._venue.listings(), self._active_faults)

    def initial_frame(self, stream: str) -> Frame | None:
        """The first frame for a new subscriber after faults; None if a fault drops it."""
        first = self._venue.initial_frame(stream)
        changed = None if first is None else next(self._frames.apply(first), None)
        if changed is not None:
            _report_price(self._price_observer, changed)
        return changed

    def klines(self, code: str, start_ns: int, end_ns: int) -> Sequence[PublishedKline]:
        """The market's own minutes: faults of messages do not reach them."""
        return self._venue.klines(code, start_ns, end_ns)


def _report_price(price_observer: PriceObserver, frame: Frame) -> None:
    if isinstance(price_observer, NullPriceObserver):
        return
    symbol = symbol_of_stream(frame.stream)
    if symbol is None:
        return
    source = source_of_stream(frame.stream)
    try:
        prices = values.prices_of(source, frame.data)
    except (ValueError, RecursionError):
        return  # a malformed or deeply nested message has no price
    price = next((price for key, price in prices.items() if key in PRICE_KEYS), None)
    if isinstance(price, str):
        price_observer.on_price(source, symbol, price)
