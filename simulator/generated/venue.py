"""Other exchanges of the generated market: same price walks, own trades and latency."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from operator import attrgetter
from random import Random

from simulator.generated.minute_bars import MinuteBars, to_klines
from simulator.generated.price_walk import PriceWalk
from simulator.markets import Frame, InstrumentSnapshot, Listing, PublishedKline
from simulator.nanotime import MS, SECOND
from simulator.venue_profile import FeedChannel, VenueProfile

MAX_TRADE_GAP = 3 * SECOND  # maximum time between a venue's trades while the walk trades
ONE_BP = Decimal("0.0001")
_ON_TRADE, _ON_BOOK = attrgetter("on_trade"), attrgetter("on_book")


class VenueState:
    """One asset at one venue, in the venue's prices."""

    def __init__(
        self,
        walk: PriceWalk,
        listing: Listing,
        channels: Sequence[FeedChannel],
        *,
        premium: Decimal,
        share: float,
        random: Random,
        start_ns: int,
    ) -> None:
        self.walk, self.listing = walk, listing
        self.streams = {channel.stream(listing.symbol): channel for channel in channels}
        self._share = share
        self._premium = premium
        self.trade_id = random.randrange(1_000_000, 900_000_000)
        self.sequence = self.trade_id * 13
        self._factor = Decimal(1) + premium
        self.trade_ns = self.book_ns = 0
        self.last = self._price(walk.last)
        # Those of the venue's own last trade: the walk may have traded since.
        self._last_quantity, self._buyer_is_maker = walk.last_quantity, walk.buyer_is_maker
        # Prices are rounded to the places of the tick, which may be smaller than the tick.
        self._unit = Decimal(1).scaleb(int(walk.asset.tick_size.as_tuple().exponent))
        self._minutes = MinuteBars(start_ns, self._units(self.last))

    def trade(self, at_ns: int, tether_per_quote: Decimal) -> None:
        """Trade at the walk's current price."""
        self._factor = (1 + self._premium) / tether_per_quote
        self.trade_ns = self.book_ns = at_ns
        self.trade_id += 1
        self.sequence += 7
        self.last = self._price(self.walk.last)
        self._last_quantity, self._buyer_is_maker = self.walk.last_quantity, self.walk.buyer_is_maker
        self._minutes.add(at_ns, self._units(self.last), self._last_quantity)

    def change_book(self, at_ns: int) -> None:
        """Change a quantity at the best price."""
        self.book_ns = at_ns
        self.sequence += 3

    def snapshot(self) -> InstrumentSnapshot:
        """The state as plain values."""
        walk, stats = self.walk, self.walk.stats()
        bid = self._price(walk.bid)
        return InstrumentSnapshot(
            code=self.listing.symbol,
            last=self.last,
            last_quantity=self._last_quantity * walk.step_size,
            buyer_is_maker=self._buyer_is_maker,
            bid=bid,
            bid_quantity=walk.bid_quantity * walk.step_size,
            ask=bid + (walk.ask - walk.bid) * walk.asset.tick_size,
            ask_quantity=walk.ask_quantity * walk.step_size,
            open=self._price(stats.open),
            high=max(self.last, self._price(stats.high)),
            low=min(self.last, self._price(stats.low)),
            volume=int(stats.volume * self._share) * walk.step_size,
            quote_volume=int(stats.quote * self._share) * walk.asset.tick_size * walk.step_size,
            trade_ns=self.trade_ns,
            event_ns=self.book_ns,
            trade_id=self.trade_id,
            sequence=self.sequence,
        )

    def klines(self, start_ns: int, end_ns: int) -> list[PublishedKline]:
        """The minutes that begin between both times."""
        return to_klines(self._minutes.between(start_ns, end_ns), self._unit, self.walk.step_size)

    def _units(self, price: Decimal) -> int:
        return int(price / self._unit)

    def _price(self, ticks: int) -> Decimal:
        tick = self.walk.asset.tick_size
        return max(tick, (ticks * tick * self._factor).quantize(tick, ROUND_HALF_EVEN))


class GeneratedVenue:
    """All assets of one venue. It reads no clock; events carry their time."""

    def __init__(self, profile: VenueProfile, walks: Sequence[PriceWalk], seed: int, start_ns: int) -> None:
        self._profile = profile
        self._random = Random(f"{seed}/{profile.source}")  # noqa: S311 - prices for a simulation, not secrets
        self._latency = profile.latency_ms * MS
        self._repeated = [channel for channel in profile.channels if channel.repeat is not None]
        self._tether = next((walk for walk in walks if walk.asset.symbol == "USDT"), None)
        self._states = {walk.asset.symbol: self._state(walk, start_ns) for walk in walks if self._code(walk)}
        self._codes = {state.listing.symbol: state for state in self._states.values()}
        self._streams = {
            stream: (channel, state)
            for state in self._states.values()
            for stream, channel in state.streams.items()
        }
        for state in self._states.values():
            state.trade(start_ns - self._latency, self._tether_per_quote(state))

    def listings(self) -> Mapping[str, Listing]:
        """All listed codes."""
        return {state.listing.symbol: state.listing for state in self._states.values()}

    def initial_frame(self, stream: str) -> Frame | None:
        """The first frame for a new subscriber.

        None if the stream is unknown or has no initial frame.
        """
        channel, state = self._streams.get(stream, (None, None))
        if channel is None or state is None or channel.initial is None:
            return None
        return Frame.plain(stream, channel.initial(state.snapshot()))

    def klines(self, code: str, start_ns: int, end_ns: int) -> list[PublishedKline]:
        """The minutes of a listed code."""
        return self._codes[code].klines(start_ns, end_ns)

    def trade_frames(self, walk: PriceWalk, at_ns: int, wanted: Container[str]) -> Iterator[Frame]:
        """Frames of a trade of the walk, if the venue traded too."""
        state = self._states.get(walk.asset.symbol)
        event_ns = at_ns - self._latency
        if state is None:
            return
        due = event_ns - state.trade_ns > MAX_TRADE_GAP
        if self._random.random() < self._profile.share or due:
            state.trade(event_ns, self._tether_per_quote(state))
            yield from self._frames(state, _ON_TRADE, wanted)

    def book_frames(self, walk: PriceWalk, at_ns: int, wanted: Container[str]) -> Iterator[Frame]:
        """Frames of a book change of the walk, if the venue's book changed too."""
        state = self._states.get(walk.asset.symbol)
        if state is not None and self._random.random() < self._profile.share:
            state.change_book(at_ns - self._latency)
            yield from self._frames(state, _ON_BOOK, wanted)

    def second_frames(self, at_ns: int, wanted: Container[str]) -> Iterator[Frame]:
        """Frames of the channels that are due at this second."""
        second = at_ns // SECOND
        due = [
            channel
            for channel in self._profile.channels
            if channel.every_seconds and not second % channel.every_seconds
        ]
        for state in self._states.values() if due else ():
            state.book_ns = max(state.book_ns, at_ns - self._latency)
            yield from self._frames(state, due.__contains__, wanted)
        for channel in self._repeated:
            for state in self._states.values():
                yield from self._repeat(state, channel, at_ns - self._latency, wanted)

    @staticmethod
    def _repeat(
        state: VenueState, channel: FeedChannel, event_ns: int, wanted: Container[str]
    ) -> Iterator[Frame]:
        stream = channel.stream(state.listing.symbol)
        if (
            channel.repeat is not None
            and event_ns - state.book_ns >= channel.repeat_after_seconds * SECOND
            and stream in wanted
        ):
            state.book_ns = event_ns
            yield Frame.plain(stream, channel.repeat(state.snapshot()))

    @staticmethod
    def _frames(
        state: VenueState, is_due: Callable[[FeedChannel], bool], wanted: Container[str]
    ) -> Iterator[Frame]:
        snapshot: InstrumentSnapshot | None = None
        for stream, channel in state.streams.items():
            if is_due(channel) and stream in wanted:
                snapshot = snapshot or state.snapshot()
                yield Frame.plain(stream, channel.payload(snapshot))

    def _code(self, walk: PriceWalk) -> str | None:
        return walk.asset.codes.get(self._profile.source)

    def _state(self, walk: PriceWalk, start_ns: int) -> VenueState:
        code = self._code(walk) or ""
        base, quote = self._profile.split(code, walk.asset.symbol)
        bound = 0.3 if walk.asset.pegged else self._profile.premium_bps
        premium = Decimal(round(self._random.uniform(-bound, bound), 3)) * ONE_BP
        listing = Listing(code, base, quote, str(walk.asset.tick_size))
        return VenueState(
            walk,
            listing,
            self._profile.channels,
            premium=premium,
            share=self._profile.share,
            random=self._random,
            start_ns=start_ns,
        )

    def _tether_per_quote(self, state: VenueState) -> Decimal:
        # Walks are priced in USDT, as on Binance; a USD price is worth as many USD as one USDT is.
        if state.listing.quote != "USD" or state.walk is self._tether or self._tether is None:
            return Decimal(1)
        return 1 / (self._tether.last * self._tether.asset.tick_size)
