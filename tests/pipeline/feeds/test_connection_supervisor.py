"""One supervisor with connections that do as they are told, down to what cannot be had from a real socket."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from instruments.instrument import Instrument
from pipeline.coordination.call_limits import CallLimits
from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.feeds.connect_throttle import ConnectThrottle
from pipeline.feeds.connection_supervisor import ConnectionSupervisor
from pipeline.feeds.feed_context import FeedContext
from pipeline.feeds.protocol import FeedEvent, FeedSpec, GoingAway, SourceNotice
from pipeline.feeds.sliding_window_limiter import SlidingWindowLimiter
from pipeline.sources.binance.protocol import BinanceProtocol
from rates.clock import utc_now
from rates.errors import SourceError, SourceUnavailable
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker
from tests.pipeline.fakes import BTC, ETH, START, health, instrument, ticker, until
from tests.virtual_time import run_virtually

OnEvents = Callable[[Sequence[FeedEvent]], None]
SECOND = timedelta(seconds=1)


class ScriptedConnection:
    """Stands for a `PushConnection`: says what the test says, through the ear it was given, even when it is long gone."""

    def __init__(self, number: int, url: str) -> None:
        self.number, self.url = number, url
        self.opened_at: float | None = None
        self.on_event: OnEvents = lambda _: None
        self.is_stopped = False
        self.dead_channels: dict[Symbol, str] = {}
        self.ends: asyncio.Future[SourceError] = asyncio.get_running_loop().create_future()

    def track(self, instruments: Sequence[Instrument]) -> None:
        pass

    def resubscribe(self, symbols: Iterable[Symbol]) -> None:
        pass

    def silent_channels(self) -> Mapping[Symbol, str]:
        return self.dead_channels

    async def run(self, on_event: OnEvents) -> None:
        self.on_event, self.opened_at = on_event, asyncio.get_running_loop().time()
        try:
            raise await self.ends
        finally:
            self.is_stopped = True


class Harness:
    """The supervisor's connections in the order in which it opened them, and what it delivered."""

    supervisor: ConnectionSupervisor

    def __init__(self) -> None:
        self.connections: list[ScriptedConnection] = []
        self.delivered: list[Ticker] = []
        self.health = health()

    def open_connection(self, url: str, _: object) -> Any:
        self.connections.append(ScriptedConnection(len(self.connections) + 1, url))
        return self.connections[-1]

    def check(self) -> dict[Symbol, str]:
        """What is silent by now."""
        self.supervisor.check()
        return self.supervisor.silent

    async def connection(self, number: int) -> ScriptedConnection:
        await until(
            lambda: len(self.connections) >= number and self.connections[number - 1].opened_at is not None
        )
        return self.connections[number - 1]


@asynccontextmanager
async def supervising(*, first_message_s: float = 60, handover_s: float = 60) -> AsyncIterator[Harness]:
    harness = Harness()
    spec = FeedSpec(
        source=Source.BINANCE,
        open_protocol=lambda: BinanceProtocol(simulated=False),
        endpoints=["ws://nowhere"],
        instruments_per_connection=10,
        connect_limits=[CallLimits(100, SECOND)],
        connect_timeout=SECOND,
        idle_timeout=SECOND,
        first_message_timeout=first_message_s * SECOND,
        max_reconnect_delay=SECOND / 10,
    )
    context = FeedContext(
        spec=spec,
        throttle=ConnectThrottle(SlidingWindowLimiter(spec.connect_limits), MemoryCooldown(utc_now), utc_now),
        open_connection=harness.open_connection,
        on_tickers=harness.delivered.extend,
        health=harness.health,
        clock=utc_now,
        silent_after_s=30,
        endpoint_rest_s=60,
        handover_s=handover_s,
    )
    harness.supervisor = ConnectionSupervisor(1, context)
    harness.supervisor.track([instrument("BTC/USDT"), instrument("ETH/USDT")])
    task = asyncio.create_task(harness.supervisor.run())
    try:
        yield harness
    finally:
        task.cancel()
        await asyncio.wait([task])


def told(price: str, second: int = 0, symbol: Symbol = BTC) -> list[FeedEvent]:
    return [ticker(symbol, price, observed_at=START + second * SECOND)]


async def test_nothing_of_a_replaced_connection_gets_in() -> None:
    """Whatever it still says, and however new that claims to be."""
    async with supervising() as harness:
        old = await harness.connection(1)
        old.on_event(told("1"))
        old.on_event([GoingAway("maintenance")])
        new = await harness.connection(2)
        old.on_event(told("2", 2))
        assert not old.is_stopped
        new.on_event(told("3", 3))
        await until(lambda: old.is_stopped)
        old.on_event(told("666", 9999))
        new.on_event(told("4", 4))
        assert [str(one.price) for one in harness.delivered] == ["1", "2", "3", "4"]
        assert harness.health.reconnects == 0


async def test_what_a_source_says_of_itself_is_a_reason_until_it_takes_it_back() -> None:
    """Prices go on as they come."""
    async with supervising() as harness:
        link = await harness.connection(1)
        harness.health.record_success()
        link.on_event([SourceNotice("the exchange says: maintenance"), *told("1")])
        assert harness.health.report(START).reason == "the exchange says: maintenance"
        link.on_event([SourceNotice(None)])
        assert harness.health.report(START).reason is None
        assert len(harness.delivered) == 1


async def test_nothing_of_a_lost_connection_gets_in() -> None:
    """Its successor has another number."""
    async with supervising() as harness:
        old = await harness.connection(1)
        old.on_event(told("1"))
        old.ends.set_result(SourceUnavailable(Source.BINANCE, "reset"))
        new = await harness.connection(2)
        old.on_event(told("666", 9999))
        new.on_event(told("2", 2))
        assert [str(one.price) for one in harness.delivered] == ["1", "2"]


async def test_a_successor_that_fails_leaves_the_old_connection_at_work() -> None:
    """It is tried again; nobody is told that the source is down, because it is not."""
    async with supervising() as harness:
        old = await harness.connection(1)
        old.on_event(told("1"))
        old.on_event([GoingAway("maintenance")])
        (await harness.connection(2)).ends.set_result(SourceUnavailable(Source.BINANCE, "refused"))
        third = await harness.connection(3)
        assert not old.is_stopped
        old.on_event(told("2", 2))
        third.on_event(told("3", 3))
        await until(lambda: old.is_stopped)
        assert [str(one.price) for one in harness.delivered] == ["1", "2", "3"]
        assert harness.health.reconnects == 0


async def test_a_connection_that_ends_before_its_successor_delivers_is_followed_by_it() -> None:
    """The announced end came sooner than the first message of the next one: no third is opened."""
    async with supervising() as harness:
        old = await harness.connection(1)
        old.on_event(told("1"))
        old.on_event([GoingAway("now")])
        new = await harness.connection(2)
        old.ends.set_result(SourceUnavailable(Source.BINANCE, "cut"))
        await until(lambda: old.is_stopped)
        new.on_event(told("2", 2))
        new.on_event([GoingAway("again")])
        await harness.connection(3)
        assert len(harness.connections) == 3
        assert harness.health.reconnects == 0


def test_a_successor_takes_over_when_it_delivers_all_that_the_old_one_did() -> None:
    """One symbol of two is not enough, for as long as the handover may take."""

    async def scenario() -> None:
        async with supervising(handover_s=60) as harness:
            old = await harness.connection(1)
            old.on_event(told("1"))
            old.on_event(told("10", symbol=ETH))
            old.on_event([GoingAway("maintenance")])
            new = await harness.connection(2)
            new.on_event(told("2", 2))
            await asyncio.sleep(50)
            assert not old.is_stopped
            new.on_event(told("11", 2, symbol=ETH))
            await until(lambda: old.is_stopped)

    run_virtually(scenario())


async def test_a_quiet_symbol_delays_its_successor_for_a_while_only() -> None:
    """By then it is subscribed, and speaks when it has something to say."""
    async with supervising(handover_s=0.5) as harness:
        old = await harness.connection(1)
        old.on_event(told("1"))
        old.on_event(told("10", symbol=ETH))
        old.on_event([GoingAway("maintenance")])
        new = await harness.connection(2)
        new.on_event(told("2", 2))
        await until(lambda: old.is_stopped)
        assert not new.is_stopped


async def test_a_successor_that_stays_silent_is_given_up() -> None:
    """The old one, which delivers, is worth more."""
    async with supervising(handover_s=0.3) as harness:
        old = await harness.connection(1)
        old.on_event(told("1"))
        old.on_event([GoingAway("maintenance")])
        new = await harness.connection(2)
        await until(lambda: new.is_stopped)
        assert not old.is_stopped
        await harness.connection(3)


async def test_a_connection_whose_symbols_are_all_silent_is_replaced() -> None:
    """Pings may be answered and heartbeats may come: it was opened for the symbols."""
    async with supervising(first_message_s=0.2) as harness:
        old = await harness.connection(1)
        await until(lambda: set(harness.check()) == {BTC, ETH})
        (await harness.connection(2)).on_event(told("1"))
        await until(lambda: old.is_stopped)
        assert set(harness.check()) == {ETH}


async def test_a_new_connection_has_its_time_for_the_first_messages() -> None:
    """What was silent before the connection was lost is not called so at once on the next one."""
    async with supervising(first_message_s=1.0) as harness:
        old = await harness.connection(1)
        old.on_event(told("1"))
        await until(lambda: set(harness.check()) == {ETH})
        old.ends.set_result(SourceUnavailable(Source.BINANCE, "reset"))
        await harness.connection(2)
        assert not harness.check()
