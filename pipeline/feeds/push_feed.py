"""A source's push feed: all tracked instruments over as few connections as its limits allow."""

import asyncio
import itertools
from collections.abc import Callable, Sequence

import structlog

from instruments.instrument import Instrument
from pipeline.feeds.connect_throttle import ConnectThrottle
from pipeline.feeds.connection_supervisor import ConnectionSupervisor
from pipeline.feeds.feed_context import FeedContext, OnTickers, TradeSink
from pipeline.feeds.interval_stats import IntervalStats
from pipeline.feeds.protocol import FeedSpec
from pipeline.feeds.push_connection import PushConnection
from pipeline.feeds.sharding import Shards, shard_instruments
from pipeline.feeds.sliding_window_limiter import SlidingWindowLimiter
from pipeline.health import SourceHealth
from pipeline.ports import Cooldown
from rates.clock import Clock
from rates.errors import SourceBlocked, SourceError, SourceRateLimited
from rates.symbol import Symbol
from runtime.restart import keep_running

# How often the tracked instruments and the silence of symbols are checked.
CHECK_INTERVAL_S = 0.25

ReadInstruments = Callable[[], Sequence[Instrument]]


class PushFeed:
    """Delivers the instruments of `read_instruments`, which must not block, to `on_tickers`.

    `silent_after_s`, `endpoint_rest_s`: as in `StreamSettings`.
    """

    def __init__(
        self,
        spec: FeedSpec,
        read_instruments: ReadInstruments,
        on_tickers: OnTickers,
        health: SourceHealth,
        cooldown: Cooldown,
        *,
        silent_after_s: float,
        endpoint_rest_s: float,
        simulated: bool,
        clock: Clock,
        trades: TradeSink | None = None,
        on_waiting: Callable[[], None] | None = None,
    ) -> None:
        """`trades` takes every trade, if given. Otherwise none is made.

        `on_waiting` is called when messages wait for `deliver`. Without it, none wait.
        """
        numbers = itertools.count(1)

        def open_connection(url: str, stats: IntervalStats) -> PushConnection:
            return PushConnection(
                next(numbers),
                spec,
                url,
                health,
                stats,
                simulated=simulated,
                clock=clock,
                with_trades=trades is not None,
                on_waiting=on_waiting,
            )

        self._spec, self._read_instruments, self._health = spec, read_instruments, health
        self._context = FeedContext(
            spec=spec,
            throttle=ConnectThrottle(SlidingWindowLimiter(spec.connect_limits), cooldown, clock),
            open_connection=open_connection,
            on_tickers=on_tickers,
            health=health,
            clock=clock,
            silent_after_s=silent_after_s,
            endpoint_rest_s=endpoint_rest_s,
            trades=trades,
        )
        self._shards: Shards = {}
        self._supervisors: dict[int, ConnectionSupervisor] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._log = structlog.get_logger("ratewire.feed").bind(source=spec.source.value)

    async def run(self) -> None:
        """Deliver tickers until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    self._check(group)
                except Exception as exc:  # noqa: BLE001  # the outermost loop: the connections must stay up
                    self._on_unexpected(exc)
                await asyncio.sleep(CHECK_INTERVAL_S)

    def deliver(self) -> None:
        """Read the messages that wait, and deliver their events."""
        for supervisor in self._supervisors.values():
            supervisor.deliver()

    def _check(self, group: asyncio.TaskGroup) -> None:
        self._reshard(group)
        for supervisor in self._supervisors.values():
            supervisor.check()
        self._update_health()

    def _on_unexpected(self, error: Exception) -> None:
        self._health.record_unexpected(error)
        # Logged at counts of 1, 2, 4, 8 ...: the check runs four times a second.
        if (count := self._health.unexpected) & (count - 1) == 0:
            self._log.error("unexpected error in a check", count=count, exc_info=error)

    def _reshard(self, group: asyncio.TaskGroup) -> None:
        """Assign the tracked instruments to connections."""
        capacity = self._spec.instruments_per_connection
        self._shards = shard_instruments(self._read_instruments(), self._shards, capacity)
        for number in self._supervisors.keys() - self._shards.keys():
            del self._supervisors[number]
            self._tasks.pop(number).cancel()
        for number, shard in self._shards.items():
            supervisor = self._supervisors.get(number) or ConnectionSupervisor(number, self._context)
            supervisor.track(shard)
            if number not in self._supervisors:
                name = f"supervisor {number}"
                self._supervisors[number] = supervisor
                self._tasks[number] = group.create_task(
                    keep_running(supervisor.run, name=name, on_error=self._health.record_unexpected),
                    name=name,
                )

    def _update_health(self) -> None:
        """Report the state of all connections as that of the source."""
        supervisors = self._supervisors.values()
        failures = [one.failure for one in supervisors if one.failure is not None]
        if any(one.is_up for one in supervisors) or not supervisors:
            self._health.record_success()
            down = (
                f"{len(failures)} of {len(supervisors)} connections are down: {failures[0]}"
                if failures
                else None
            )
            self._health.set_notice("connections", down)
        elif failures:
            self._health.set_notice("connections", None)
            self._health.record_failure(max(failures, key=_severity))
        elif (retry_at := self._context.throttle.cooldown_until) is not None:
            error = SourceRateLimited(self._spec.source, "another replica was refused", retry_at=retry_at)
            self._health.record_failure(error)
        silent: dict[Symbol, str] = {}
        for one in supervisors:
            silent |= one.silent
        self._health.record_silent(silent)


def _severity(failure: SourceError) -> int:
    """Rank failures: rate limits before blocks before others.

    Rate limits pass by themselves; blocks need a person.
    """
    return 2 * isinstance(failure, SourceRateLimited) + isinstance(failure, SourceBlocked)
