"""Fakes of the clock, the instruments and the cache feed; tickers; waiting for conditions."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from cache.ports import FeedMessage, Snapshot
from gateway.queries.rate import Rate
from gateway.schema.global_id import rate_id
from instruments.instrument import Halt, Instrument
from rates.errors import CacheUnavailable, DatabaseUnavailable
from rates.source import ObservedAtOrigin, Source
from rates.symbol import parse_symbol
from rates.ticker import Ticker

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TIMEOUT_S = 60
# The default of `max_source_distance_percent`, as a share.
MAX_DISTANCE = Decimal("0.2")


class FakeClock:
    """A clock that stands still until told to go on."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class ListedInstruments:
    """An `InstrumentReader` over a list that a test changes."""

    def __init__(self, *entries: tuple[Source, str]) -> None:
        self.instruments = [self.instrument(source, symbol) for source, symbol in entries]
        self.is_away = False

    @staticmethod
    def instrument(source: Source, symbol: str) -> Instrument:
        pair = parse_symbol(symbol)
        return Instrument(
            source,
            pair,
            f"{pair.base}{pair.quote}",
            f"Name of {pair.base}",
            base_asset=f"asset:{pair.base}",
            quote_asset=f"asset:{pair.quote}",
        )

    def add(self, source: Source, symbol: str) -> None:
        self.instruments.append(self.instrument(source, symbol))

    def halt(self, source: Source, symbol: str, halt: Halt | None) -> None:
        """From now on this is what its source's listing says of it."""
        self.instruments = [
            msgspec.structs.replace(each, halt=halt)
            if (each.source, str(each.symbol)) == (source, symbol)
            else each
            for each in self.instruments
        ]

    def rename(self, source: Source, symbol: str, name: str) -> None:
        """From now on its base asset has this display name."""
        self.instruments = [
            msgspec.structs.replace(each, name=name)
            if (each.source, str(each.symbol)) == (source, symbol)
            else each
            for each in self.instruments
        ]

    async def read(self, source: Source | None = None) -> Sequence[Instrument]:
        if self.is_away:
            raise DatabaseUnavailable("database: away for the test")
        return [each for each in self.instruments if source in (None, each.source)]


class ScriptedFeed:
    """A `TickerFeed` under the control of the test.

    While `gate` is cleared, snapshots are not delivered.
    """

    def __init__(self) -> None:
        self.snapshots = {source: Snapshot(source, "", 0, (), ()) for source in Source}
        self.gate = asyncio.Event()
        self.gate.set()
        self.snapshots_begun = 0
        self.subscriptions = 0
        self.is_away = False
        self._messages: asyncio.Queue[FeedMessage | None] = asyncio.Queue()

    def send(self, message: FeedMessage) -> None:
        self._messages.put_nowait(message)

    def lose(self) -> None:
        """End the subscription; what was not read of it is lost."""
        self._messages.put_nowait(None)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[FeedMessage]]:
        if self.is_away:
            raise CacheUnavailable("away for the test")
        self._messages = asyncio.Queue()
        self.subscriptions += 1
        yield self._drain(self._messages)

    async def _drain(self, messages: asyncio.Queue[FeedMessage | None]) -> AsyncIterator[FeedMessage]:
        while (message := await messages.get()) is not None:
            yield message
        raise CacheUnavailable("lost for the test")

    async def read_snapshot(self, source: Source) -> Snapshot:
        self.snapshots_begun += 1
        await self.gate.wait()
        return self.snapshots[source]


def id_of(rate: Rate) -> str:
    """The id of a rate, as clients see it."""
    return rate_id(rate.ticker.source, rate.ticker.symbol)


def build_ticker(
    symbol: str = "BTC/USDT",
    price: str = "100",
    *,
    source: Source = Source.BINANCE,
    observed_at: datetime = NOON,
    sequence: int = 0,
    **fields: object,
) -> Ticker:
    """A ticker that reached us 50 ms after it was observed."""
    ticker = Ticker(
        source=source,
        symbol=parse_symbol(symbol),
        price=Decimal(price),
        observed_at=observed_at,
        observed_at_origin=ObservedAtOrigin.SOURCE,
        received_at=observed_at + timedelta(milliseconds=50),
        sequence=sequence,
    )
    return msgspec.structs.replace(ticker, **fields)


async def wait_until(predicate: Callable[[], object]) -> None:
    """Return as soon as the condition holds; fail after `TIMEOUT_S` seconds."""
    async with asyncio.timeout(TIMEOUT_S):
        while not predicate():  # noqa: ASYNC110 - waits for code that offers no event
            await asyncio.sleep(0.002)
