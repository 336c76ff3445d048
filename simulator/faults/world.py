"""A market around the market: what it tells while faults are on. Wire code asks it as it would ask the real one."""

from collections.abc import Container, Iterator, Mapping

from simulator.faults import values
from simulator.faults.binance import FaultyBinance
from simulator.faults.board import FaultBoard
from simulator.faults.coingecko import FaultyCoinGecko
from simulator.faults.frames import FrameFaults, source_of, symbol_of
from simulator.faults.halts import halted
from simulator.faults.ledger import Ledger, NoLedger
from simulator.markets import BinanceMarket, CoinGeckoMarket, Frame, Listing, Venue, World

# Of a message's prices, the one of the last trade.
PRICE_KEYS = ("p", "c", "price", "last", "lastPrice")


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
        return halted(self._source, self._venue.listings(), self._board)

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
