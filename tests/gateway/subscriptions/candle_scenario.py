"""A feed, the log, a recorder and a gateway in virtual time, for live candles."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.queries.candles.candle_list import SeriesCandle
from gateway.queries.candles.query import CandlesQuery
from gateway.settings import GatewaySettings
from gateway.subscriptions.candles_event import CandlesEvent, LiveCandlesArgs
from gateway.subscriptions.cohort import Cohort, IdentityEncoder
from gateway.subscriptions.delivery_options import DeliveryOptions
from history.candle import Candle
from history.candle_reader import CandleReader
from history.memory_log import MemoryBarLog
from history.recorder import Recorder
from history.store import HistoryStore
from history.trade import Trade
from history.trade_fold import TradeFold
from instruments.store import InstrumentStore
from rates.source import Source
from tests.gateway.fakes import FakeClock, ListedInstruments, wait_until
from tests.history.trades import at
from tests.migrated import migrate_new
from tests.pipeline.fakes import BTC

TICK_S = 0.1
DAY = timedelta(days=1)
EVERYTHING = DeliveryOptions()
Row = tuple[str, str, str | None, int | None, int]


class CandleClient:
    """A subscriber that is always ready, unless told otherwise."""

    consuming_s = 0.0

    def __init__(self, clock: FakeClock) -> None:
        self.cohort: Cohort[CandlesEvent] | None = None
        self.events: list[tuple[datetime, CandlesEvent]] = []
        self.errors: list[Exception] = []
        self.is_blocked = False
        self._clock = clock

    @property
    def client(self) -> object:
        return self

    @property
    def candles(self) -> dict[datetime, Candle]:
        """The newest value of each candle."""
        return {one.candle.open_time: one.candle for _, event in self.events for one in event.items}

    def is_ready(self) -> bool:
        return not self.is_blocked

    def notify_when_ready(self) -> None:
        """Do nothing: `unblock` flushes."""

    def unblock(self) -> None:
        """Become ready."""
        self.is_blocked = False
        if self.cohort is not None:
            self.cohort.flush_now()

    def deliver(self, payload: CandlesEvent) -> None:
        self.events.append((self._clock(), payload))

    def fail(self, error: Exception) -> None:
        self.errors.append(error)

    def leave(self) -> None:
        """End the subscription."""
        if self.cohort is not None:
            self.cohort.remove(self)

    def kinds(self) -> list[str]:
        """Return the kinds of all events."""
        return [event.kind.value for _, event in self.events]

    def last(self) -> CandlesEvent:
        """Return the last event."""
        return self.events[-1][1]


class CandleScenario:
    """All parts on one clock, which moves only when it is told to.

    Timers of the loop do not follow it: candles close by batches.
    """

    def __init__(self, store: InstrumentStore, source: Source = Source.BINANCE) -> None:
        self.source = source
        self.clock = FakeClock()
        self.clock.now = at(0)
        self.bars = MemoryBarLog(self.clock)
        self.store, self.history = store, HistoryStore(store, simulated=False)
        self.recorder = self._open_recorder()
        self.fold = self.open_fold("one")
        self.instruments = ListedInstruments((source, "BTC/USDT"), (source, "ETH/USDT"))
        self.gateway = self.open_gateway()
        self._waiting: list[tuple[datetime, Trade]] = []
        self.turns = 6
        """Turns of the loop that everything takes after a batch."""
        self._encoder = IdentityEncoder[CandlesEvent]()

    def _open_recorder(self) -> Recorder:
        return Recorder(
            self.source, self.bars, self.history, keep_seconds=DAY, keep_minutes=30 * DAY, clock=self.clock
        )

    def open_fold(self, session: str) -> TradeFold:
        """Return the fold of a new process."""
        return TradeFold(self.source, session, max_skew=timedelta(seconds=10))

    def open_gateway(self, storage: CandleReader | None = None) -> Gateway:
        """Return another gateway over the same history, or over another reader of it."""
        return Gateway(
            MemoryCache(),
            self.instruments,
            GatewaySettings(port=0),
            simulated=False,
            history=storage or CandleReader(self.store, simulated=False),
            bars=self.bars,
            clock=self.clock,
        )

    @property
    def seconds(self) -> float:
        """The time since the start."""
        return (self.clock.now - at(0)).total_seconds()

    def expect(self, trades: Iterable[Trade]) -> None:
        """Have the feed receive trades at their times."""
        self.expect_late((one.time, one) for one in trades)

    def expect_late(self, trades: Iterable[tuple[datetime, Trade]]) -> None:
        """Have the feed receive trades at some times."""
        self._waiting = sorted([*self._waiting, *trades], key=lambda one: one[0])

    async def run(self, end: float, *, records: bool = True, writes: bool = True) -> None:
        """Let time pass.

        `records`: the recorder stores once a second. `writes`: the feed writes its batches.
        """
        while self.clock.now < at(end):
            self.clock.advance(TICK_S)
            now = self.clock.now
            while self._waiting and self._waiting[0][0] <= now:
                self.fold.fold(BTC, [self._waiting.pop(0)[1]], now)
            self.fold.confirm([BTC], now)
            batch = self.fold.take(now)
            if batch is not None and writes:
                await self.bars.claim(batch.source, batch.session)
                assert await self.bars.write(batch, self.fold.positions(batch))
            if records and now.microsecond == 0:
                await self.record()
            await self.settle()

    async def record(self) -> None:
        """Store all that is in the log."""
        while await self.recorder.step():
            pass

    async def settle(self) -> None:
        """Let the gateway apply and send what has come."""
        for _ in range(self.turns):
            await asyncio.sleep(0)

    async def subscribe(
        self,
        query: LiveCandlesArgs,
        *,
        options: DeliveryOptions = EVERYTHING,
        after: str | None = None,
        gateway: Gateway | None = None,
        is_blocked: bool = False,
    ) -> CandleClient:
        """Return a client that has subscribed."""
        client = CandleClient(self.clock)
        client.is_blocked = is_blocked
        live_queries = (gateway or self.gateway).live_queries
        opening = live_queries.subscribe(query, options, self._encoder, client, after=after)
        assert opening is not None
        await opening
        await self.settle()
        return client

    async def query(self, query: LiveCandlesArgs, last: int = 1_000) -> Sequence[SeriesCandle]:
        """Return what the query answers at this moment."""
        asked = CandlesQuery(query.symbols[0], query.interval, self.source, last=last, zone=query.zone)
        # Not what was kept in memory for a quarter of a second.
        answer = await self.gateway.candles._read_list(asked, self.clock())
        return answer.items


def describe(candle: Candle) -> tuple[Row, str]:
    """Return the row and the coverage of a candle."""
    return row(candle), candle.coverage.value


def row(candle: Candle) -> Row:
    """Return what of a candle the query and the subscription must have in common."""
    bar = candle.bar
    values = None if bar is None else ",".join(map(str, bar.__reduce__()[1][:7]))
    return (
        f"{candle.open_time:%H:%M:%S}",
        candle.state.value,
        values,
        None if bar is None else bar.trades,
        candle.revision,
    )


@asynccontextmanager
async def open_scenario(folder: Path, source: Source = Source.BINANCE) -> AsyncIterator[CandleScenario]:
    """Run a gateway over an empty history."""
    url = f"sqlite+aiosqlite:///{folder / 'history.sqlite'}"
    await migrate_new(url)
    store = InstrumentStore(url)
    scenario = CandleScenario(store, source)
    async with running(scenario.gateway):
        yield scenario
    await store.close()


@asynccontextmanager
async def running(gateway: Gateway) -> AsyncIterator[Gateway]:
    """Run a gateway until its state is loaded, and as long as the context lasts."""
    task = asyncio.create_task(gateway.run())
    await wait_until(lambda: gateway.mirror.loaded and gateway.catalog.loaded and gateway.bars.loads)
    yield gateway
    task.cancel()
    await asyncio.wait([task])
