"""Scripted implementations of the pipeline's ports, a fake clock, and test data."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cache.ports import TickerSink
from instruments.instrument import Instrument
from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.coordination.memory_coordination import MemoryCoordination
from pipeline.health import SourceHealth
from pipeline.ports import RateFetcher, RequestBudget
from pipeline.role_context import RoleContext
from pipeline.sources.adapter import SourceContext
from pipeline.task import RequestedInstrument, Task
from rates.clock import Clock, utc_now
from rates.errors import RatesError
from rates.health import SourceReport
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol, parse_symbol
from rates.ticker import Ticker
from runtime.heartbeat import Heartbeat

START = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
PATIENCE_S = 60
BTC, ETH = Symbol("BTC", "USDT"), Symbol("ETH", "USDT")


class FakeClock:
    """A clock that only the test advances."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


class FakeSink:
    """A `TickerSink` that records its calls, and fails on demand."""

    def __init__(self) -> None:
        self.batches: list[list[Ticker]] = []
        self.reports: list[SourceReport] = []
        self.failure: RatesError | None = None
        self.touched = asyncio.Event()

    @property
    def tickers(self) -> list[Ticker]:
        return [ticker for batch in self.batches for ticker in batch]

    async def write(self, tickers: Sequence[Ticker]) -> int:
        self.touched.set()
        if self.failure is not None:
            raise self.failure
        self.batches.append(list(tickers))
        return len(tickers)

    async def report(self, report: SourceReport) -> None:
        self.touched.set()
        if self.failure is not None:
            raise self.failure
        self.reports.append(report)


class FakeFetcher:
    """A `RateFetcher` that returns the result of `answer`."""

    def __init__(
        self, answer: Callable[[Sequence[RequestedInstrument]], Awaitable[Sequence[Ticker]]]
    ) -> None:
        self._answer = answer
        self.asked: list[Sequence[RequestedInstrument]] = []
        self.begun = asyncio.Event()

    async def fetch(self, wanted: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
        self.asked.append(wanted)
        self.begun.set()
        return await self._answer(wanted)


class FakeReader:
    """An `InstrumentReader` over a list that tests may change."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.instruments = list(instruments)
        self.failure: RatesError | None = None
        self.read_count = 0

    async def read(self, source: Source | None = None) -> Sequence[Instrument]:
        self.read_count += 1
        if self.failure is not None:
            raise self.failure
        return [one for one in self.instruments if source in (None, one.source)]


def fetching(*tickers: Ticker) -> RateFetcher:
    """Return a fetcher that always returns these tickers."""

    async def answer(_: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
        return tickers

    return FakeFetcher(answer)


def failing(error: BaseException) -> RateFetcher:
    """Return a fetcher that always raises."""

    async def answer(_: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
        raise error

    return FakeFetcher(answer)


def health(source: Source = Source.BINANCE) -> SourceHealth:
    return SourceHealth(source, role="consumer", instance="consumer-test-1")


def ticker(
    symbol: Symbol = BTC,
    price: str = "1",
    *,
    observed_at: datetime = START,
    sequence: int = 0,
    source: Source = Source.BINANCE,
) -> Ticker:
    return Ticker(
        source=source,
        symbol=symbol,
        price=Decimal(price),
        observed_at=observed_at,
        observed_at_origin=ObservedAtOrigin.SOURCE,
        received_at=observed_at,
        sequence=sequence,
    )


def instrument(symbol: str, source: Source = Source.BINANCE) -> Instrument:
    parsed = parse_symbol(symbol)
    return Instrument(source, parsed, f"{parsed.base}{parsed.quote}", parsed.base)


def task(
    name: str = "1",
    *,
    issued_at: datetime = START,
    lives: timedelta = timedelta(seconds=4),
    source: Source = Source.BINANCE,
) -> Task:
    instruments = (RequestedInstrument(BTC, "BTCUSDT"), RequestedInstrument(ETH, "ETHUSDT"))
    return Task(
        id=name, source=source, instruments=instruments, issued_at=issued_at, deadline=issued_at + lives
    )


async def until(condition: Callable[[], object], *, within_s: float = PATIENCE_S) -> None:
    """Wait for a condition, for a bounded time."""
    async with asyncio.timeout(within_s):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


async def eventually(check: Callable[[], Awaitable[object]], *, within_s: float = PATIENCE_S) -> None:
    """Wait until an asynchronous check succeeds, for a bounded time."""
    async with asyncio.timeout(within_s):
        while True:
            if await check():
                return
            await asyncio.sleep(0.02)


def memory_context(sink: TickerSink, *, simulated: bool = True, clock: Clock = utc_now) -> RoleContext:
    """Return a role's context with everything in memory and no heartbeat file."""
    return RoleContext(
        sink=sink,
        coordination=MemoryCoordination(clock),
        heartbeat=Heartbeat(None),
        simulated=simulated,
        clock=clock,
    )


def source_context(
    source: Source = Source.BINANCE,
    *,
    simulated: bool = False,
    clock: Clock = utc_now,
    budget: RequestBudget | None = None,
) -> SourceContext:
    """Return the dependencies of one source's fetchers, with a cooldown of their own."""
    return SourceContext(
        health=health(source),
        simulated=simulated,
        clock=clock,
        cooldown=MemoryCooldown(clock),
        budget=budget,
    )
