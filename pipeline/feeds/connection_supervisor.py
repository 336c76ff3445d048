"""Keeps one share of the instruments delivered for ever: one connection after the other, overlapping where that can be planned."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from instruments.instrument import Instrument
from pipeline.feeds.active_connection import ActiveConnection, stop, wait_any
from pipeline.feeds.connect_throttle import ConnectThrottle
from pipeline.feeds.endpoint_selector import EndpointSelector
from pipeline.feeds.interval_stats import IntervalStats
from pipeline.feeds.protocol import FeedEvent, FeedSpec, GoingAway, SourceNotice, SymbolRejected
from pipeline.feeds.push_connection import PushConnection
from pipeline.feeds.watchdog import Watchdog
from pipeline.health import SourceHealth
from rates.clock import Clock
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
from runtime.backoff import Backoff, Jitter

FIRST_WAIT = timedelta(milliseconds=250)
# A connection that lived shorter was no success: whoever cuts us at once is not asked again at once.
STABLE_S = 10.0
# How long a successor has for the first message of every symbol that its predecessor delivers. Quiet ones take longer, and
# are subscribed long before.
HANDOVER_S = 15.0
# A connection is replaced for the silence of most of its symbols no more often than this: its successor may be as silent.
REPLACE_AGAIN_S = 60.0
# Symbols of a lost connection are called silent after this: most are back sooner.
DOWN_AFTER_S = 3.0
# Idle timeouts of listening after which a lane knows what silence of its connection is unusual.
EXPERIENCED_AFTER = 3
# Of the planned lifetime, at random: a hundred connections do not end in one minute.
EARLIEST_ROLL_OVER = 0.9


@dataclass(frozen=True, kw_only=True)
class FeedContext:
    """What all lanes of a feed share. `open_connection`: a new connection to a URL, numbered higher than all before it."""

    plan: FeedSpec
    gate: ConnectThrottle
    open_connection: Callable[[str, IntervalStats], PushConnection]
    deliver: Callable[[Sequence[Ticker]], None]
    health: SourceHealth
    clock: Clock
    silent_after_s: float
    endpoint_rest_s: float
    handover_s: float = HANDOVER_S
    jitter: Jitter = random.uniform


class ConnectionSupervisor:
    """`failure`: why it delivers nothing at the moment. `silent`: symbol → what is wrong with it."""

    def __init__(self, number: int, outfit: FeedContext) -> None:
        plan = outfit.plan
        self.failure: SourceError | None = None
        self.is_up = False
        self.silent: dict[Symbol, str] = {}
        self._outfit = outfit
        self._instruments: Sequence[Instrument] = ()
        self._live: dict[int, ActiveConnection] = {}
        self._endpoints = EndpointSelector(plan.endpoints, rest_s=outfit.endpoint_rest_s)
        self._backoff = Backoff(FIRST_WAIT, plan.max_reconnect_delay)
        self._rhythm = IntervalStats(EXPERIENCED_AFTER * plan.idle_timeout.total_seconds())
        self._watchdog = Watchdog(
            silent_after_s=outfit.silent_after_s, first_message_s=plan.first_message_timeout.total_seconds()
        )
        self._is_dead = False
        self._lost_at: float | None = None
        self._replace_not_before = 0.0
        self._log = structlog.get_logger("ratewire.feed").bind(source=plan.source.value, lane=number)

    def track(self, instruments: Sequence[Instrument]) -> None:
        """From now on exactly these are its share."""
        if instruments == self._instruments:
            return
        self._instruments = instruments
        self._watchdog.track((one.symbol for one in instruments), _now())
        for live in self._live.values():
            live.link.track(instruments)

    def check(self) -> None:
        """Find out which symbols are silent, and have them subscribed once more."""
        now = _now()
        findings = self._watchdog.check(now)
        self.silent, self._is_dead = findings.silent, findings.is_dead
        if self._lost_at is not None and now - self._lost_at > DOWN_AFTER_S:
            self.silent = {one.symbol: "its connection is down" for one in self._instruments} | self.silent
        if findings.resubscribe:
            self._log.info("subscribing silent symbols once more", symbols=_names(findings.resubscribe))
            for live in self._live.values():
                live.link.resubscribe(findings.resubscribe)

    async def run(self) -> None:
        """Keep the share delivered until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                live: ActiveConnection | None = await self._start(group)
                while live is not None:
                    live = await self._follow(live, group)

    async def _start(self, group: asyncio.TaskGroup) -> ActiveConnection:
        await self._outfit.gate.enter()
        if not self._live:
            self._watchdog.interrupt(_now())
            self._rhythm.interrupt()
        link = self._outfit.open_connection(self._endpoints.choose(_now()), self._rhythm)
        link.track(self._instruments)
        live = ActiveConnection(link, self._retires_after())
        self._live[link.number] = live
        live.task = group.create_task(self._listen(live), name=f"link {link.number}")
        return live

    def _retires_after(self) -> float:
        lifetime = self._outfit.plan.lifetime
        if lifetime is None:
            return float("inf")
        return lifetime.total_seconds() * self._outfit.jitter(EARLIEST_ROLL_OVER, 1)

    async def _listen(self, live: ActiveConnection) -> SourceError:
        try:
            await live.link.run(partial(self._on_events, live.link.number))
        except SourceError as exc:
            return exc
        except Exception as exc:  # noqa: BLE001  # the outermost loop: one bad connection must not end all others
            self._log.exception("a bug, or a failure nobody thought of", link=live.link.number)
            return SourceProtocolError(self._outfit.plan.source, f"{type(exc).__name__}: {exc}")
        finally:
            # From here on nothing of it gets in, whatever may still be on its way.
            self._live.pop(live.link.number, None)

    def _on_events(self, number: int, events: Sequence[FeedEvent]) -> None:
        live = self._live.get(number)
        if live is None:
            return
        now = _now()
        tickers = []
        for event in events:
            if isinstance(event, GoingAway):
                live.going_away = event.said
                continue
            if isinstance(event, SourceNotice):
                self._outfit.health.set_notice("remark", event.said)
                continue
            if isinstance(event, SymbolRejected):
                self._watchdog.refuse(event.symbol, event.said)
                continue
            self._watchdog.on_event(event, now)
            live.seen.add(event.symbol)
            if isinstance(event, Ticker):
                tickers.append(event)
        if tickers:
            self._outfit.deliver(tickers)

    async def _follow(self, live: ActiveConnection, group: asyncio.TaskGroup) -> ActiveConnection | None:
        """Until it is replaced by its successor, or lost and the time for another has come."""
        while (error := live.failure) is None:
            await wait_any(live)
            if not self.is_up and live.seen:
                self._note_up(live)
            why = self._why_replace(live)
            if why is not None and (successor := await self._replace(live, why, group)) is not None:
                return successor
        await self._recover(live, error)
        return None

    def _why_replace(self, live: ActiveConnection) -> str | None:
        if live.failure is not None or _now() < self._replace_not_before:
            return None
        if live.going_away is not None:
            return live.going_away
        if live.age() >= live.retires_after_s:
            return "it is about to reach the age at which the source ends it"
        if self._endpoints.has_better(live.link.url, _now()):
            return "the preferred endpoint may be back"
        return "most of its symbols are silent" if self._is_dead else None

    async def _replace(
        self, live: ActiveConnection, why: str, group: asyncio.TaskGroup
    ) -> ActiveConnection | None:
        """Its successor once that delivers; the old one goes on meanwhile, and stays when there is none."""
        began = _now()
        successor = await self._start(group)
        while successor.failure is None:
            if self._takes_over(successor, live):
                await stop(live)
                self._replace_not_before = _now() + REPLACE_AGAIN_S if self._is_dead else 0.0
                self._log.info(
                    "rolled over", why=why, seconds=round(_now() - began, 3), to=successor.link.url
                )
                return successor
            if successor.age() > self._outfit.handover_s:
                await stop(successor)
                break
            await wait_any(live, successor)
        error = successor.failure or SourceUnavailable(
            self._outfit.plan.source, "the successor delivers nothing"
        )
        self._log.warning("no successor", why=why, error=str(error))
        self._replace_not_before = _now() + (await self._note_failure(successor, error)).total_seconds()
        return None

    def _takes_over(self, successor: ActiveConnection, live: ActiveConnection) -> bool:
        """Whether it delivers all that the old one does; what says nothing for so long is subscribed by then."""
        tracked = {one.symbol for one in self._instruments}
        awaited = (live.seen & tracked) - self.silent.keys()
        if not successor.seen:
            return not awaited and successor.age() > self._outfit.handover_s
        return (
            live.failure is not None or successor.age() > self._outfit.handover_s or successor.seen >= awaited
        )

    def _note_up(self, live: ActiveConnection) -> None:
        if self._lost_at is not None:
            self._log.warning("gap", seconds=round(_now() - self._lost_at, 3))
        self._log.info("delivering", url=live.link.url)
        self.is_up, self.failure, self._lost_at = True, None, None

    async def _recover(self, live: ActiveConnection, error: SourceError) -> None:
        """After a loss: tell it, and wait before the next attempt."""
        self.is_up, self.failure = False, error
        self._lost_at = _now() if self._lost_at is None else self._lost_at
        wait = await self._note_failure(live, error)
        self._log.warning("connection lost", error=str(error), wait_s=round(wait.total_seconds(), 3))
        await asyncio.sleep(wait.total_seconds())
        self._outfit.health.record_reconnect()

    async def _note_failure(self, live: ActiveConnection, error: SourceError) -> timedelta:
        """What the next attempts learn from it; how long to wait before the next one, refusals of the source aside."""
        url = live.link.url
        if live.seen and live.age() >= STABLE_S:
            self._backoff.reset()
            self._endpoints.record_success(url)
        retry_at = error.retry_at if isinstance(error, SourceRateLimited | SourceBlocked) else None
        if retry_at is not None:
            await self._outfit.gate.start_cooldown(retry_at - self._outfit.clock())
        elsewhere = isinstance(error, SourceBlocked | SimulationMismatch) and retry_at is None
        self._endpoints.record_failure(url, _now(), at_once=elsewhere)
        return self._backoff.next_wait()


def _names(symbols: Sequence[Symbol]) -> list[str]:
    return [str(symbol) for symbol in symbols[:20]]


def _now() -> float:
    return asyncio.get_running_loop().time()
