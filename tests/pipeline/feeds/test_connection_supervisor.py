"""One supervisor with scripted connections, for sequences that a real socket cannot produce."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import cast

import pytest

from instruments.instrument import Instrument
from pipeline.announcement import Announcement
from pipeline.coordination.call_limits import CallLimits
from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.feeds import connection_supervisor
from pipeline.feeds.backlog import DroppedBacklog
from pipeline.feeds.connect_throttle import ConnectThrottle
from pipeline.feeds.connection_supervisor import ConnectionSupervisor
from pipeline.feeds.feed_context import FeedContext
from pipeline.feeds.protocol import FeedEvent, FeedSpec, GoingAway, SourceNotice
from pipeline.feeds.push_connection import PushConnection
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
    """Replaces a `PushConnection`: passes the test's events on, even after it was stopped."""

    def __init__(self, number: int, url: str) -> None:
        self.number, self.url = number, url
        self.polls = 0
        self._opened_at: float | None = None
        self.dropped_backlog: DroppedBacklog | None = None
        self.on_event: OnEvents = lambda _: None
        self.is_stopped = False
        self.dead_channels: dict[Symbol, str] = {}
        self.ends: asyncio.Future[SourceError] = asyncio.get_running_loop().create_future()

    @property
    def opened_at(self) -> float | None:
        """The time of opening, which the supervisor reads in each of its polls."""
        self.polls += 1
        return self._opened_at

    def track(self, instruments: Sequence[Instrument]) -> None:
        pass

    def resubscribe(self, symbols: Iterable[Symbol]) -> None:
        pass

    def silent_channels(self) -> Mapping[Symbol, str]:
        return self.dead_channels

    def deliver(self) -> None:
        """Nothing waits."""

    def traded_symbols(self) -> frozenset[Symbol]:
        raise AssertionError("nobody takes its trades")

    async def run(self, on_event: OnEvents) -> None:
        self.on_event, self._opened_at = on_event, asyncio.get_running_loop().time()
        try:
            raise await self.ends
        finally:
            self.is_stopped = True


class Harness:
    """The supervisor's connections in order, and the tickers that it delivered."""

    supervisor: ConnectionSupervisor

    def __init__(self) -> None:
        self.connections: list[ScriptedConnection] = []
        self.delivered: list[Ticker] = []
        self.health = health()

    def open_connection(self, url: str, _: object) -> PushConnection:
        self.connections.append(ScriptedConnection(len(self.connections) + 1, url))
        return cast("PushConnection", self.connections[-1])

    def check(self) -> dict[Symbol, str]:
        """Return the silent symbols."""
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


def tickers_of(price: str, second: int = 0, symbol: Symbol = BTC) -> list[FeedEvent]:
    return [ticker(symbol, price, observed_at=START + second * SECOND)]


async def test_a_dropped_backlog_is_reported_until_the_shard_has_kept_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next connection is opened at once, and the source is never reported as down."""
    monkeypatch.setattr(connection_supervisor, "KEPT_UP_TTLS", 0)
    async with supervising() as harness:
        late = await harness.connection(1)
        late.on_event(tickers_of("1"))
        await until(lambda: harness.supervisor.is_up)
        late.dropped_backlog = DroppedBacklog(34 * SECOND, 12_000)
        late.ends.set_result(SourceUnavailable(Source.BINANCE, "34 s behind, backlog dropped"))
        new = await harness.connection(2)
        assert "slower than BINANCE sends: 34 s behind" in (harness.health.report(START).reason or "")
        assert harness.supervisor.is_up
        assert harness.supervisor.failure is None
        assert harness.health.reconnects == 1
        new.on_event(tickers_of("2", 1))
        assert not harness.check()
        assert "slower" not in (harness.health.report(START).reason or "")


async def test_events_of_a_replaced_connection_are_ignored() -> None:
    """However new they are."""
    async with supervising() as harness:
        old = await harness.connection(1)
        old.on_event(tickers_of("1"))
        old.on_event([GoingAway("maintenance")])
        new = await harness.connection(2)
        old.on_event(tickers_of("2", 2))
        assert not old.is_stopped
        new.on_event(tickers_of("3", 3))
        await until(lambda: old.is_stopped)
        old.on_event(tickers_of("666", 9999))
        new.on_event(tickers_of("4", 4))
        assert [str(one.price) for one in harness.delivered] == ["1", "2", "3", "4"]
        assert harness.health.reconnects == 0


async def test_a_source_notice_is_reported_until_it_is_taken_back() -> None:
    """Prices are still delivered."""
    async with supervising() as harness:
        link = await harness.connection(1)
        harness.health.record_success()
        link.on_event([SourceNotice("the exchange says: maintenance"), *tickers_of("1")])
        assert harness.health.report(START).reason == "the exchange says: maintenance"
        link.on_event([SourceNotice(None)])
        assert harness.health.report(START).reason is None
        assert len(harness.delivered) == 1


async def test_an_announcement_becomes_a_problem_when_it_begins() -> None:
    """Until then it is reported apart; the source may take it back."""
    async with supervising() as harness:
        link = await harness.connection(1)
        harness.health.record_success()
        link.on_event([SourceNotice(None, (Announcement("maintenance", START + timedelta(hours=1)),))])
        before, after = (harness.health.report(START + timedelta(minutes=at)) for at in (59, 60))
        assert (before.reason, before.announcement) == (None, "the exchange says: maintenance")
        assert (after.reason, after.announcement) == ("the exchange says: maintenance", None)
        link.on_event([SourceNotice(None)])
        last = harness.health.report(START + timedelta(hours=2))
        assert (last.reason, last.announcement) == (None, None)


async def test_events_of_a_lost_connection_are_ignored() -> None:
    """Its successor has another number."""
    async with supervising() as harness:
        old = await harness.connection(1)
        old.on_event(tickers_of("1"))
        old.ends.set_result(SourceUnavailable(Source.BINANCE, "reset"))
        new = await harness.connection(2)
        old.on_event(tickers_of("666", 9999))
        new.on_event(tickers_of("2", 2))
        assert [str(one.price) for one in harness.delivered] == ["1", "2"]


async def test_a_failed_successor_does_not_affect_the_old_connection() -> None:
    """It is tried again, and the source is not reported as down."""
    async with supervising() as harness:
        old = await harness.connection(1)
        old.on_event(tickers_of("1"))
        old.on_event([GoingAway("maintenance")])
        (await harness.connection(2)).ends.set_result(SourceUnavailable(Source.BINANCE, "refused"))
        third = await harness.connection(3)
        assert not old.is_stopped
        old.on_event(tickers_of("2", 2))
        third.on_event(tickers_of("3", 3))
        await until(lambda: old.is_stopped)
        assert [str(one.price) for one in harness.delivered] == ["1", "2", "3"]
        assert harness.health.reconnects == 0


async def test_a_successor_takes_over_when_the_old_connection_ends_early() -> None:
    """No third connection is opened."""
    async with supervising() as harness:
        old = await harness.connection(1)
        old.on_event(tickers_of("1"))
        old.on_event([GoingAway("now")])
        new = await harness.connection(2)
        old.ends.set_result(SourceUnavailable(Source.BINANCE, "cut"))
        await until(lambda: old.is_stopped)
        new.on_event(tickers_of("2", 2))
        new.on_event([GoingAway("again")])
        await harness.connection(3)
        assert len(harness.connections) == 3
        assert harness.health.reconnects == 0


def test_a_successor_takes_over_when_it_delivers_all_that_the_old_one_did() -> None:
    """One symbol of two is not enough."""

    async def scenario() -> None:
        async with supervising(handover_s=60) as harness:
            old = await harness.connection(1)
            old.on_event(tickers_of("1"))
            old.on_event(tickers_of("10", symbol=ETH))
            old.on_event([GoingAway("maintenance")])
            new = await harness.connection(2)
            new.on_event(tickers_of("2", 2))
            await asyncio.sleep(50)
            assert not old.is_stopped
            new.on_event(tickers_of("11", 2, symbol=ETH))
            await until(lambda: old.is_stopped)

    run_virtually(scenario())


async def test_a_quiet_symbol_delays_the_handover_only_up_to_its_limit() -> None:
    """By then it is subscribed."""
    async with supervising(handover_s=0.5) as harness:
        old = await harness.connection(1)
        old.on_event(tickers_of("1"))
        old.on_event(tickers_of("10", symbol=ETH))
        old.on_event([GoingAway("maintenance")])
        new = await harness.connection(2)
        new.on_event(tickers_of("2", 2))
        await until(lambda: old.is_stopped)
        assert not new.is_stopped


async def test_a_successor_that_stays_silent_is_given_up() -> None:
    """The old connection, which delivers, stays."""
    async with supervising(handover_s=0.3) as harness:
        old = await harness.connection(1)
        old.on_event(tickers_of("1"))
        old.on_event([GoingAway("maintenance")])
        new = await harness.connection(2)
        await until(lambda: new.is_stopped)
        assert not old.is_stopped
        await harness.connection(3)


async def test_a_connection_whose_symbols_are_all_silent_is_replaced() -> None:
    """Even if pings are answered and heartbeats arrive."""
    async with supervising(first_message_s=0.2) as harness:
        old = await harness.connection(1)
        await until(lambda: set(harness.check()) == {BTC, ETH})
        (await harness.connection(2)).on_event(tickers_of("1"))
        await until(lambda: old.is_stopped)
        assert set(harness.check()) == {ETH}


async def test_a_new_connection_has_its_time_for_the_first_messages() -> None:
    """Symbols that were silent before are not reported as silent at once."""
    async with supervising(first_message_s=1.0) as harness:
        old = await harness.connection(1)
        old.on_event(tickers_of("1"))
        await until(lambda: set(harness.check()) == {ETH})
        old.ends.set_result(SourceUnavailable(Source.BINANCE, "reset"))
        await harness.connection(2)
        assert not harness.check()
