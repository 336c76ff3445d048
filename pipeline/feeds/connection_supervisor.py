"""Keeps one shard of the instruments delivered: reconnects and replaces connections."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import structlog

from instruments.instrument import Instrument
from pipeline.feeds.active_connection import ActiveConnection, stop, wait_any
from pipeline.feeds.backlog import DroppedBacklog, DroppedBacklogs
from pipeline.feeds.endpoint_selector import EndpointSelector
from pipeline.feeds.feed_context import FeedContext
from pipeline.feeds.interval_stats import IntervalStats
from pipeline.feeds.protocol import (
    FeedEvent,
    GoingAway,
    SourceNotice,
    SymbolActivity,
    SymbolRejected,
    SymbolTrades,
)
from pipeline.feeds.trade_coverage import TradeCoverage
from pipeline.feeds.watchdog import Watchdog
from pipeline.net.reconnect import FIRST_RECONNECT_WAIT
from rates.errors import (
    SimulationMismatch,
    SourceBlocked,
    SourceError,
    SourceProtocolError,
    SourceRateLimited,
    SourceUnavailable,
)
from rates.symbol import Symbol
from rates.ticker import Ticker
from runtime.backoff import Backoff

# A connection that lived shorter does not reset the backoff: a server that closes at once is not asked again at once.
STABLE_S = 10.0
# Shortest time between two replacements for silence of most symbols, because the replacement may be as silent.
MIN_REPLACE_INTERVAL_S = 60.0
# Symbols of a lost connection are reported as silent after this time. Most are back sooner.
DOWN_AFTER_S = 3.0
# Idle timeouts of observation before the silence of a connection can be called unusual.
MIN_OBSERVED_TIMEOUTS = 3
# The earliest share of the planned lifetime at which a connection is replaced. It is drawn at random, so that a hundred connections
# do not end in the same minute.
EARLIEST_ROLL_OVER = 0.9
# TTLs of its source for which a shard has to keep up until a dropped backlog is no longer reported.
KEPT_UP_TTLS = 3


class ConnectionSupervisor:
    """Supervises one shard. `failure`: why it delivers nothing at the moment.

    `silent`: symbol → problem.
    """

    def __init__(self, number: int, context: FeedContext) -> None:
        spec = context.spec
        self.failure: SourceError | None = None
        self.is_up = False
        self.silent: dict[Symbol, str] = {}
        self._context = context
        self._instruments: Sequence[Instrument] = ()
        self._active: dict[int, ActiveConnection] = {}
        self._endpoints = EndpointSelector(spec.endpoints, rest_s=context.endpoint_rest_s)
        self._backoff = Backoff(FIRST_RECONNECT_WAIT, spec.max_reconnect_delay)
        self._stats = IntervalStats(MIN_OBSERVED_TIMEOUTS * spec.idle_timeout.total_seconds())
        self._watchdog = Watchdog(
            silent_after_s=context.silent_after_s,
            first_message_s=spec.first_message_timeout.total_seconds(),
        )
        self._backlogs = DroppedBacklogs(KEPT_UP_TTLS * spec.source.ttl_s)
        self._backlog_topic = f"backlog {number}"
        self._trades = None if context.trades is None else TradeCoverage(context.trades)
        self._is_mostly_silent = False
        self._lost_at: float | None = None
        self._replace_not_before = 0.0
        self._log = structlog.get_logger("ratewire.feed").bind(source=spec.source.value, lane=number)

    def track(self, instruments: Sequence[Instrument]) -> None:
        """Set the instruments of the shard."""
        if instruments == self._instruments:
            return
        self.deliver()
        self._instruments = instruments
        self._watchdog.track((one.symbol for one in instruments), _now())
        for active in self._active.values():
            active.connection.track(instruments)

    def check(self) -> None:
        """Update the silent symbols, and subscribe newly silent ones again."""
        now = _now()
        self._update_trades()
        report = self._watchdog.check(now)
        self._is_mostly_silent = report.is_mostly_silent
        channels = [active.connection.silent_channels() for active in self._active.values()]
        self.silent = {symbol: text for found in channels for symbol, text in found.items()} | report.silent
        if self._lost_at is not None and now - self._lost_at > DOWN_AFTER_S:
            self.silent = {one.symbol: "its connection is down" for one in self._instruments} | self.silent
        if self._backlogs.has_settled(now):
            self._context.health.set_notice(self._backlog_topic, None)
        if report.resubscribe:
            self._log.info("subscribing silent symbols once more", symbols=_names(report.resubscribe))
            for active in self._active.values():
                active.connection.resubscribe(report.resubscribe)

    def deliver(self) -> None:
        """Read the messages that wait, and deliver their events."""
        for active in tuple(self._active.values()):
            active.connection.deliver()

    def _update_trades(self) -> None:
        if self._trades is None:
            return
        tracked = {one.symbol for one in self._instruments}
        self._trades.update([active.connection for active in self._active.values()], tracked)

    async def run(self) -> None:
        """Keep the shard delivered until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    active: ActiveConnection | None = await self._start(group)
                    while active is not None:
                        active = await self._supervise(active, group)
        finally:
            self._context.health.set_notice(self._backlog_topic, None)

    async def _start(self, group: asyncio.TaskGroup) -> ActiveConnection:
        await self._context.throttle.acquire()
        if not self._active:
            self._watchdog.on_disconnect(_now())
            self._stats.pause()
        connection = self._context.open_connection(self._endpoints.choose(_now()), self._stats)
        connection.track(self._instruments)
        active = ActiveConnection(connection, self._retires_after_s())
        self._active[connection.number] = active
        active.task = group.create_task(self._listen(active), name=f"connection {connection.number}")
        return active

    def _retires_after_s(self) -> float:
        lifetime = self._context.spec.lifetime
        if lifetime is None:
            return float("inf")
        return lifetime.total_seconds() * self._context.jitter(EARLIEST_ROLL_OVER, 1)

    async def _listen(self, active: ActiveConnection) -> SourceError:
        number = active.connection.number
        try:
            await active.connection.run(partial(self._on_events, number))
        except SourceError as exc:
            return exc
        except Exception as exc:  # noqa: BLE001  # the outermost loop: one bad connection must not end all others
            self._context.health.record_unexpected(exc)
            count = self._context.health.unexpected
            self._log.exception("unexpected error on a connection", link=number, count=count)
            return SourceProtocolError(self._context.spec.source, f"{type(exc).__name__}: {exc}")
        finally:
            try:
                active.connection.deliver()
            finally:
                # From now on its events are ignored, even those that are still queued.
                self._active.pop(number, None)
                self._update_trades()

    def _on_events(self, number: int, events: Sequence[FeedEvent]) -> None:
        active = self._active.get(number)
        if active is None:
            return
        now, tickers, trades = _now(), list[Ticker](), self._context.trades
        for event in events:
            if isinstance(event, Ticker):
                self._watchdog.on_event(event, now)
                active.delivered.add(event.symbol)
                tickers.append(event)
            elif isinstance(event, SymbolTrades):
                if trades is not None:
                    trades.fold(event.symbol, event.trades, event.received_at)
            elif isinstance(event, SymbolActivity):
                self._watchdog.on_event(event, now)
                active.delivered.add(event.symbol)
            else:
                self._on_notice(active, event)
        if tickers:
            self._context.on_tickers(tickers)

    def _on_notice(self, active: ActiveConnection, event: GoingAway | SourceNotice | SymbolRejected) -> None:
        match event:
            case GoingAway():
                active.going_away = event.reason
            case SourceNotice():
                self._context.health.set_notice("remark", event.text)
                self._context.health.set_announcements(event.announcements)
            case SymbolRejected():
                self._watchdog.on_rejected(event.symbol, event.reason)

    async def _supervise(self, active: ActiveConnection, group: asyncio.TaskGroup) -> ActiveConnection | None:
        """Wait until the connection is replaced or lost. Returns the successor, if any.

        After a loss it returns once the backoff is over.
        """
        while (error := active.failure) is None:
            await wait_any(active)
            if not self.is_up and active.delivered:
                self._record_up(active)
            reason = self._reason_to_replace(active)
            if reason is not None:
                successor = await self._replace(active, reason, group)
                if successor is not None:
                    return successor
        if active.connection.dropped_backlog is not None:
            self._record_dropped(active.connection.dropped_backlog)
        else:
            await self._recover(active, error)
        return None

    def _reason_to_replace(self, active: ActiveConnection) -> str | None:
        if active.failure is not None or _now() < self._replace_not_before:
            return None
        if active.going_away is not None:
            return active.going_away
        if active.age_s() >= active.retires_after_s:
            return "it is about to reach the age at which the source ends it"
        if self._endpoints.has_better(active.connection.url, _now()):
            return "the preferred endpoint may be back"
        return "most of its symbols are silent" if self._is_mostly_silent else None

    async def _replace(
        self, active: ActiveConnection, reason: str, group: asyncio.TaskGroup
    ) -> ActiveConnection | None:
        """Open a successor and return it once it delivers. Otherwise `active` stays."""
        began = _now()
        successor = await self._start(group)
        while successor.failure is None:
            if self._can_take_over(successor, active):
                await stop(active)
                self._replace_not_before = _now() + MIN_REPLACE_INTERVAL_S if self._is_mostly_silent else 0.0
                seconds = round(_now() - began, 3)
                self._log.info("rolled over", why=reason, seconds=seconds, to=successor.connection.url)
                return successor
            if successor.age_s() > self._context.handover_s:
                await stop(successor)
                break
            await wait_any(active, successor)
        error = successor.failure or SourceUnavailable(
            self._context.spec.source, "the successor delivers nothing"
        )
        self._log.warning("no successor", why=reason, error=str(error))
        wait = await self._record_failure(successor, error)
        self._replace_not_before = _now() + wait.total_seconds()
        return None

    def _can_take_over(self, successor: ActiveConnection, active: ActiveConnection) -> bool:
        """Return whether the successor delivers all that `active` does, or had enough time."""
        tracked = {one.symbol for one in self._instruments}
        awaited = (active.delivered & tracked) - self.silent.keys()
        is_late = successor.age_s() > self._context.handover_s
        if not successor.delivered:
            return not awaited and is_late
        return active.failure is not None or is_late or successor.delivered >= awaited

    def _record_up(self, active: ActiveConnection) -> None:
        if self._lost_at is not None:
            self._log.warning("gap", seconds=round(_now() - self._lost_at, 3))
        self._log.info("delivering", url=active.connection.url)
        self.is_up, self.failure, self._lost_at = True, None, None

    def _record_dropped(self, dropped: DroppedBacklog) -> None:
        """Report a dropped backlog.

        The source is up, so that the next connection is opened without a wait.
        """
        notice = self._backlogs.record(dropped, self._context.spec.source, _now())
        self._context.health.set_notice(self._backlog_topic, notice)
        self._context.health.record_reconnect()

    async def _recover(self, active: ActiveConnection, error: SourceError) -> None:
        """Report a lost connection and wait before the next attempt."""
        self.is_up, self.failure = False, error
        self._lost_at = _now() if self._lost_at is None else self._lost_at
        wait = await self._record_failure(active, error)
        self._log.warning("connection lost", error=str(error), wait_s=round(wait.total_seconds(), 3))
        await asyncio.sleep(wait.total_seconds())
        self._context.health.record_reconnect()

    async def _record_failure(self, active: ActiveConnection, error: SourceError) -> timedelta:
        """Record a failure for later attempts.

        Returns the wait before the next one, apart from cooldowns.
        """
        url = active.connection.url
        if active.delivered and active.age_s() >= STABLE_S:
            self._backoff.reset()
            self._endpoints.record_success(url)
        retry_at = error.retry_at if isinstance(error, SourceRateLimited | SourceBlocked) else None
        if retry_at is not None:
            await self._context.throttle.start_cooldown(retry_at - self._context.clock())
        is_final = isinstance(error, SourceBlocked | SimulationMismatch) and retry_at is None
        self._endpoints.record_failure(url, _now(), is_final=is_final)
        return self._backoff.next_wait()


def _names(symbols: Sequence[Symbol]) -> list[str]:
    return [str(symbol) for symbol in symbols[:20]]


def _now() -> float:
    return asyncio.get_running_loop().time()
