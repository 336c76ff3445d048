"""The generated market: all price walks on one timeline.

The same seed and start give the same events for any step size, unless the market falls behind the clock (a busy or suspended
machine): then it skips the missed events and continues at the present.
"""

import heapq
from collections.abc import Container, Iterator, Mapping, Sequence

import structlog

from simulator.assets import SimulatedAsset, read_assets
from simulator.bybit.channels import BYBIT
from simulator.coinbase.channels import COINBASE
from simulator.generated import payloads
from simulator.generated.coingecko import GeneratedCoinGecko
from simulator.generated.frames import book_frames, second_frames, trade_frames
from simulator.generated.minute_bars import to_klines
from simulator.generated.price_walk import PriceWalk
from simulator.generated.venue import GeneratedVenue
from simulator.kraken.channels import KRAKEN
from simulator.markets import DayTicker, Frame, Listing, PublishedKline
from simulator.nanotime import MINUTE, SECOND, to_ms
from simulator.okx.channels import OKX

# Longer gaps are jumped over at once; the missed events of shorter ones are counted one by one.
MAX_COUNTED_GAP = MINUTE
SKIP_LOG_INTERVAL = 10 * SECOND
PROFILES = (COINBASE, KRAKEN, OKX, BYBIT)
_TRADE, _BOOK, _SECOND, _QUOTES = range(4)

log = structlog.get_logger()


class GeneratedBinance:
    """The walks that have a Binance pair, under Binance's symbols."""

    def __init__(self, walks: Sequence[PriceWalk]) -> None:
        self._walks = {walk.asset.binance_pair: walk for walk in walks if walk.asset.binance_pair}
        self._listings = {
            symbol: Listing(symbol, walk.asset.symbol, "USDT", payloads.text(walk.asset.tick_size))
            for symbol, walk in self._walks.items()
        }

    def listings(self) -> Mapping[str, Listing]:
        """All pairs."""
        return self._listings

    def ticker_24h(self, symbol: str) -> DayTicker:
        """The 24 h fields."""
        return payloads.ticker_24h(self._walks[symbol])

    def last_price(self, symbol: str) -> str:
        """The last price."""
        walk = self._walks[symbol]
        return payloads.price_text(walk, walk.last)

    def book_ticker(self, symbol: str) -> Mapping[str, str]:
        """The best prices."""
        return payloads.book_fields(self._walks[symbol])

    def klines(self, symbol: str, start_ns: int, end_ns: int) -> list[PublishedKline]:
        """The minutes of a pair."""
        walk = self._walks[symbol]
        return to_klines(walk.minutes.between(start_ns, end_ns), walk.asset.tick_size, walk.step_size)


class GeneratedWorld:
    """All assets, moving from `start_ns` on."""

    waits_for_clients = False

    def __init__(
        self,
        seed: int,
        start_ns: int,
        *,
        refresh_seconds: float = 60.0,
        max_lag_seconds: float = 600.0,
        assets: Sequence[SimulatedAsset] | None = None,
    ) -> None:
        self.label = f"generated seed={seed}"
        self._walks = [PriceWalk(asset, seed, start_ns) for asset in assets or read_assets()]
        self._refresh = int(refresh_seconds * SECOND)
        self._max_lag = int(max_lag_seconds * SECOND)
        self._start_ns = self._position = self._skip_logged_ns = start_ns
        self._skipped = self._skips_logged = 0
        self.binance = GeneratedBinance(self._walks)
        self.coingecko = GeneratedCoinGecko(self._walks, seed, refresh_seconds)
        self.coingecko.refresh(start_ns)
        self.venues = {
            profile.source: GeneratedVenue(profile, self._walks, seed, start_ns) for profile in PROFILES
        }
        self._changed: dict[int, None] = {}
        self._traded: dict[int, None] = {}
        self._events = self._first_events(start_ns)

    def begin(self, now_ns: int) -> None:
        """No effect: the market runs from the start."""

    def advance(self, now_ns: int, wanted: Container[str]) -> Iterator[Frame]:
        """Apply all events up to `now_ns`, except those that are older than the allowed lag."""
        if now_ns - self._position > self._max_lag:
            self._skip_to(now_ns - self._max_lag)
            self._log_skips(now_ns)
        events = self._events
        while events[0][0] <= now_ns:
            at_ns, kind, index = events[0]
            self._position = at_ns
            next_ns, frames = self._play(at_ns, kind, index, wanted)
            heapq.heapreplace(events, (next_ns, kind, index))
            yield from frames
        self._position = max(self._position, now_ns)

    def due_ns(self) -> int:
        """The time of the next event."""
        return self._events[0][0]

    def status(self) -> dict[str, object]:
        """Facts for the status page."""
        return {
            "mode": "generated",
            "assets": len(self._walks),
            "started_at_ms": to_ms(self._start_ns),
            "skipped_events": self._skipped,
        }

    def _first_events(self, start_ns: int) -> list[tuple[int, int, int]]:
        events = [(walk.next_trade_ns(start_ns), _TRADE, index) for index, walk in enumerate(self._walks)]
        events += [(walk.next_book_ns(start_ns), _BOOK, index) for index, walk in enumerate(self._walks)]
        events += [
            (start_ns - start_ns % SECOND + SECOND, _SECOND, 0),
            (start_ns + self._refresh, _QUOTES, 0),
        ]
        heapq.heapify(events)
        return events

    def _play(self, at_ns: int, kind: int, index: int, wanted: Container[str]) -> tuple[int, Iterator[Frame]]:
        if kind == _SECOND:
            return self._following(at_ns, kind, index), self._second(at_ns, wanted)
        if kind == _QUOTES:
            self.coingecko.refresh(at_ns)
            return self._following(at_ns, kind, index), iter(())
        walk = self._walks[index]
        self._changed[index] = None
        if kind == _BOOK:
            walk.change_book(at_ns)
            return self._following(at_ns, kind, index), self._book(walk, at_ns, wanted)
        walk.trade(at_ns)
        self._traded[index] = None
        return self._following(at_ns, kind, index), self._trade(walk, at_ns, wanted)

    def _trade(self, walk: PriceWalk, at_ns: int, wanted: Container[str]) -> Iterator[Frame]:
        yield from trade_frames(walk, wanted)
        for venue in self.venues.values():
            yield from venue.trade_frames(walk, at_ns, wanted)

    def _book(self, walk: PriceWalk, at_ns: int, wanted: Container[str]) -> Iterator[Frame]:
        yield from book_frames(walk, wanted)
        for venue in self.venues.values():
            yield from venue.book_frames(walk, at_ns, wanted)

    def _second(self, at_ns: int, wanted: Container[str]) -> Iterator[Frame]:
        changed = [self._walks[index] for index in self._changed]
        traded = [self._walks[index] for index in self._traded]
        self._changed.clear()
        self._traded.clear()
        yield from second_frames(changed, traded, wanted)
        for venue in self.venues.values():
            yield from venue.second_frames(at_ns, wanted)

    def _skip_to(self, start_ns: int) -> None:
        """Reschedule all events before `start_ns` without applying them."""
        jump = max(0, start_ns - self._position - MAX_COUNTED_GAP)
        rescheduled = []
        for at_ns, kind, index in self._events:
            due_ns = at_ns if kind in (_SECOND, _QUOTES) else at_ns + jump
            # The last missed refresh of CoinGecko's values is made up for: the next one may be a minute away.
            end_ns = start_ns - self._refresh if kind == _QUOTES else start_ns
            while due_ns < end_ns:
                due_ns = self._following(due_ns, kind, index)
                self._skipped += 1
            rescheduled.append((due_ns, kind, index))
        heapq.heapify(rescheduled)
        self._events = rescheduled
        self._position = start_ns

    def _following(self, at_ns: int, kind: int, index: int) -> int:
        """The time of the event after the one at `at_ns`."""
        if kind == _TRADE:
            return self._walks[index].next_trade_ns(at_ns)
        if kind == _BOOK:
            return self._walks[index].next_book_ns(at_ns)
        return at_ns + (SECOND if kind == _SECOND else self._refresh)

    def _log_skips(self, now_ns: int) -> None:
        if now_ns < self._skip_logged_ns + SKIP_LOG_INTERVAL:
            return
        log.warning(
            "simulator.skipped",
            events=self._skipped - self._skips_logged,
            note="this machine is too busy: missed events are skipped, so that prices stay current",
        )
        self._skip_logged_ns, self._skips_logged = now_ns, self._skipped
