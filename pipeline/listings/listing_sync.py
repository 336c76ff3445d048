"""Asks one source what it lists whenever that is due, and has the tracked instruments follow. Never acts on a doubtful listing."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NoReturn

import structlog

from instruments.listed import ListedInstrument
from instruments.listings import ListingRecords, ListingState
from instruments.store import InstrumentReader
from pipeline.health import SourceHealth
from pipeline.listings.apply import apply_listing
from pipeline.listings.fetch import fetch_listing
from pipeline.ports import ListingFetcher, TickClaim
from pipeline.schedule import tick_number, tick_time
from rates.clock import Clock
from rates.errors import (
    BackendUnavailable,
    SourceError,
    SourceProtocolError,
    SourceRateLimited,
    SourceUnavailable,
)
from runtime.backoff import Backoff

# One replica tries in each of these; whichever it is, the others see by the database whether it succeeded.
ATTEMPT = timedelta(minutes=1)
# A listing may fail for so many intervals before people hear of it: what is halted hardly ever changes.
PATIENCE_INTERVALS = 3


class ListingSync:
    """One source's listing, read every `interval` by whichever replica claims it."""

    def __init__(
        self,
        fetcher: ListingFetcher,
        instruments: InstrumentReader,
        records: ListingRecords,
        claim: TickClaim,
        health: SourceHealth,
        *,
        interval: timedelta,
        clock: Clock,
    ) -> None:
        self._fetcher = fetcher
        self._instruments = instruments
        self._records = records
        self._claim = claim
        self._health = health
        self._source = health.source
        self._interval = interval
        self._attempt = min(ATTEMPT, interval)
        self._clock = clock
        self._backoff = Backoff(self._attempt, max(interval, self._attempt))
        self._not_before = self._started_at = clock()
        self._is_in_line = False
        self._doubt: SourceProtocolError | None = None
        self._doubted_at = clock()
        self._failure = "not tried"
        self._log = structlog.get_logger("ratewire.listings").bind(source=self._source.value)
        # Nothing is wrong yet: a process that did not say so would be told as trouble.
        health.record_success()

    async def run(self) -> NoReturn:
        """Keep the instruments in line until cancelled; a listing is followed whole or not at all."""
        while True:
            wait = await self.poll()
            await asyncio.sleep(wait.total_seconds())

    async def poll(self) -> timedelta:
        """Read the listing if it is due and nobody else does; how long to wait before the next look."""
        try:
            state = await self._records.read(self._source)
            if self._clock() >= max(self._due_at(state), self._not_before) and await self._is_ours():
                state = await self._read() or state
        except BackendUnavailable as exc:
            self._log.warning("listing not looked at", error=str(exc))
            return self._attempt
        self._tell(state)
        return self._next_look(state) - self._clock()

    def _due_at(self, state: ListingState | None) -> datetime:
        return self._started_at if state is None else state.read_at + self._interval

    async def _is_ours(self) -> bool:
        number = tick_number(self._clock(), self._attempt)
        return self._is_in_line or await self._claim.claim(self._source, number, 2 * self._attempt)

    async def _read(self) -> ListingState | None:
        """What became of the listing; `None` where it could not be had or was not believed."""
        try:
            listed = await fetch_listing(self._source, self._fetcher)
        except SourceError as exc:
            self._note_failure(exc)
            return None
        return await self._follow(listed)

    async def _follow(self, listed: Sequence[ListedInstrument]) -> ListingState | None:
        now = self._clock()
        try:
            changes = await apply_listing(self._source, listed, self._instruments, self._records, now=now)
        except SourceProtocolError as exc:
            self._doubt, self._doubted_at = exc, now
            self._note_failure(exc)
            return None
        for instrument, halt in changes.items():
            said = "trading again" if halt is None else halt.word
            self._log.warning("status", symbol=str(instrument.symbol), now=said)
        self._log.info("listing read", listed=len(listed), changed=len(changes))
        self._is_in_line = False
        self._backoff.reset()
        return ListingState(now, len(listed))

    def _note_failure(self, error: SourceError) -> None:
        self._failure = str(error)
        # Whoever waits for a call of a spent budget keeps the turn: the consumers, who ask all the time, would always be first.
        self._is_in_line = isinstance(error, SourceRateLimited)
        if isinstance(error, SourceRateLimited):
            self._not_before = error.retry_at
        else:
            self._not_before = self._clock() + self._backoff.next_wait()
        self._log.warning("listing not read", error=self._failure)

    def _tell(self, state: ListingState | None) -> None:
        """Say what people should know: a listing that is not believed, or none for long."""
        since = self._started_at if state is None else max(self._started_at, state.read_at)
        if self._doubt is not None and (state is None or state.read_at < self._doubted_at):
            self._health.record_failure(self._doubt)
        elif self._clock() - since > PATIENCE_INTERVALS * self._interval:
            said = f"listing not read since {since.isoformat(timespec='minutes')}: {self._failure}"
            self._health.record_failure(SourceUnavailable(self._source, said))
        else:
            self._health.record_success()

    def _next_look(self, state: ListingState | None) -> datetime:
        at = max(self._due_at(state), self._not_before)
        if self._is_in_line:
            return at
        number = tick_number(self._clock(), self._attempt) + 1
        return max(at, tick_time(number, self._attempt))
