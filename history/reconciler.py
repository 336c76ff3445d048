"""Compares stored minutes with klines of their source, and fills those not known.

One of several replicas at a time, the newest minutes first, within the budget of calls. An error says nothing of any minute.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, NoReturn

import structlog

from history.check_plan import checkable, plan_window
from history.interval import TimeSpan
from history.kline import KlinePage, KlineTraits
from history.kline_check import KlineVerdict, MinuteCheck
from history.ports import KlineFetcher
from history.store import HistoryStore
from instruments.store import InstrumentReader
from rates.clock import Clock
from rates.errors import BackendUnavailable, SourceError, SourceProtocolError, SourceRateLimited
from rates.source import Source
from rates.symbol import Symbol
from runtime.backoff import Backoff

# A replica works for as long. Another one may go on then.
TURN = timedelta(seconds=30)
RETRY = timedelta(seconds=5)
FIRST_BACKOFF, LONGEST_BACKOFF = timedelta(seconds=10), timedelta(minutes=5)
# An instrument of which the source has nothing new, or whose klines cannot be read, is left alone for so long.
INSTRUMENT_REST = timedelta(minutes=5)
# Unreadable answers in a row after which it is the source, and not an instrument.
UNREADABLE_IN_A_ROW = 3
# A source that fails for longer is reported: minutes stay as they are meanwhile.
TOLERATED = timedelta(minutes=15)


class Turn(NamedTuple):
    """A turn to ask the source. `left`: for so long no other replica has one."""

    is_ours: bool
    left: timedelta


class WantedPage(NamedTuple):
    """A page of klines to fetch."""

    symbol: Symbol
    source_symbol: str
    series: int
    window: TimeSpan


class Reconciler:
    """Reconciles the minutes of one source back to `backfill` ago, as far as minutes are kept.

    `on_checked` gets the verdicts of each page. `on_problem` is told what has been wrong for long, or `None`.
    """

    def __init__(
        self,
        source: Source,
        fetcher: KlineFetcher,
        store: HistoryStore,
        instruments: InstrumentReader,
        traits: KlineTraits,
        *,
        claim: Callable[[], Awaitable[Turn]],
        backfill: timedelta,
        keep_minutes: timedelta,
        clock: Clock,
        on_checked: Callable[[Symbol, Sequence[MinuteCheck]], None] = lambda _symbol, _checks: None,
        on_problem: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        self._source, self._fetcher, self._store, self._instruments = source, fetcher, store, instruments
        self._traits, self._claim, self._clock = traits, claim, clock
        self._backfill, self._keep_minutes = backfill, keep_minutes
        self._on_checked, self._on_problem = on_checked, on_problem
        self._backoff = Backoff(FIRST_BACKOFF, LONGEST_BACKOFF)
        self._not_before = clock()
        self._resting: dict[Symbol, datetime] = {}
        self._unreadable = 0
        self._failing_since: datetime | None = None
        self._differing = 0
        self._log = structlog.get_logger("ratewire.reconciler").bind(source=source.value)

    async def run(self) -> NoReturn:
        """Reconcile until cancelled."""
        while True:
            wait = await self.attempt()
            await asyncio.sleep(wait.total_seconds())

    async def attempt(self) -> timedelta:
        """Fetch and store the pages that are due, for one turn. Returns the time to wait."""
        now = self._clock()
        if now < self._not_before:
            return min(self._not_before - now, TURN)
        try:
            turn = await self._claim()
            if turn.is_ours:
                await self._work(now + turn.left)
        except BackendUnavailable as exc:
            self._fail(exc)
            return RETRY
        return max(RETRY, now + turn.left - self._clock()) if turn.is_ours else turn.left

    async def _work(self, ends_at: datetime) -> None:
        for page in await self._list_due():
            if self._clock() >= ends_at:
                return
            try:
                await self._reconcile(page)
            except SourceRateLimited as exc:
                self._not_before = exc.retry_at
                if not exc.is_planned:
                    self._fail(exc)
                return
            except SourceError as exc:
                if not self._skip_instrument(page, exc):
                    self._not_before = self._clock() + self._backoff.next_wait()
                    self._fail(exc)
                    return

    async def _list_due(self) -> list[WantedPage]:
        """Return the pages that are due, the newest first."""
        now = self._clock()
        since = max(now - self._backfill, self._kept(now))
        state = await self._store.read_check_state(self._source, since)
        whole = None if state is None else checkable(state, self._traits, now=now, since=since)
        if state is None or whole is None:
            return []
        self._resting = {symbol: until for symbol, until in self._resting.items() if until > now}
        due = []
        for one in await self._instruments.read(self._source):
            checks = state.instruments.get(one.symbol)
            if checks is None or one.halt is not None or one.symbol in self._resting:
                continue
            if (window := plan_window(whole, checks, self._traits)) is not None:
                due.append(WantedPage(one.symbol, one.source_symbol, checks.series, window))
        return sorted(due, key=lambda page: (page.window.end, page.window.start), reverse=True)

    async def _reconcile(self, page: WantedPage) -> None:
        klines = await self._fetcher.fetch_klines(page.source_symbol, page.window)
        self._succeed()
        now = self._clock()
        found = KlinePage(page.window, klines)
        kept = self._kept(now)
        checks = await self._store.reconcile(
            self._source, page.series, found, self._traits, now=now, kept=kept
        )
        if not checks or checks[-1].open_time < page.window.end - timedelta(minutes=1):
            self._resting[page.symbol] = now + INSTRUMENT_REST
        self._on_checked(page.symbol, checks)
        for check in checks:
            if check.verdict is KlineVerdict.DIFFERS:
                self._log_difference(page.symbol, check)

    def _kept(self, now: datetime) -> datetime:
        return now - self._keep_minutes

    def _skip_instrument(self, page: WantedPage, error: SourceError) -> bool:
        """Leave out an instrument whose answer cannot be read. `False` if it is not the only one."""
        self._unreadable += 1
        if not isinstance(error, SourceProtocolError) or self._unreadable >= UNREADABLE_IN_A_ROW:
            return False
        self._log.warning("klines not read", symbol=str(page.symbol), error=str(error))
        self._resting[page.symbol] = self._clock() + INSTRUMENT_REST
        return True

    def _fail(self, error: Exception) -> None:
        now = self._clock()
        if self._failing_since is None:
            self._failing_since = now
            self._log.warning("klines not read", error=str(error))
        if now - self._failing_since > TOLERATED:
            since = self._failing_since.isoformat(timespec="minutes")
            self._on_problem(f"no minutes are compared or filled since {since}: {error}")

    def _succeed(self) -> None:
        self._unreadable = 0
        self._backoff.reset()
        if self._failing_since is not None:
            self._failing_since = None
            self._log.info("klines are read again")
        self._on_problem(None)

    def _log_difference(self, symbol: Symbol, check: MinuteCheck) -> None:
        """Log at counts of 1, 2, 4, 8 …: all of them are in the database."""
        self._differing += 1
        if (count := self._differing) & (count - 1) == 0:
            self._log.warning(
                "a minute differs from the source's",
                symbol=str(symbol),
                minute=check.open_time.isoformat(),
                ours=check.ours,
                theirs=check.theirs,
                count=count,
            )
