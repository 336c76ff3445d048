"""Fetches a source's listing whenever it is due and applies it to the tracked instruments.

Never applies an implausible one.
"""

import asyncio
from datetime import datetime, timedelta
from typing import NoReturn

import structlog

from instruments.listed import InstrumentListing
from instruments.listings import ListingRecords, ListingState
from instruments.store import InstrumentReader
from pipeline.coordination.block import Block
from pipeline.health import SourceHealth
from pipeline.listings.apply import apply_listing
from pipeline.listings.fetch import fetch_listing
from pipeline.ports import ListingFetcher, TickClaim
from pipeline.tick import tick_number, tick_time
from pipeline.validation import Rejection
from rates.clock import Clock
from rates.errors import (
    BackendUnavailable,
    SourceError,
    SourceProtocolError,
    SourceRateLimited,
    SourceUnavailable,
)
from runtime.backoff import Backoff

# One replica tries in each of these spans. The others see in the database whether it succeeded.
ATTEMPT_INTERVAL = timedelta(minutes=1)
# A listing may fail for this many intervals before it is reported, because halts hardly ever change.
TOLERATED_INTERVALS = 3
NOT_TRIED = "not tried"


class ListingSync:
    """Applies one source's listing every `interval`, on one of the replicas."""

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
        self._attempt_interval = min(ATTEMPT_INTERVAL, interval)
        self._clock = clock
        self._backoff = Backoff(self._attempt_interval, max(interval, self._attempt_interval))
        self._wait, self._started_at = Block(), clock()
        self._keeps_turn = False
        self._anomaly: SourceProtocolError | None = None
        self._anomaly_at = clock()
        # Why the last attempt since the last success failed.
        self._failure = NOT_TRIED
        self._log = structlog.get_logger("ratewire.listings").bind(source=self._source.value)
        # Nothing is wrong yet, but a new `SourceHealth` is DOWN.
        health.record_success()

    async def run(self) -> NoReturn:
        """Apply the listing whenever it is due, until cancelled.

        A listing is applied whole or not at all. An unforeseen exception costs one attempt.
        """
        while True:
            try:
                wait = await self.poll()
            except Exception as exc:  # noqa: BLE001  # the outermost loop: the next listing may be readable
                self._log.exception("unexpected error in a listing", count=self._health.unexpected + 1)
                self._health.record_unexpected(exc)
                self._record_failure(SourceProtocolError(self._source, f"{type(exc).__name__}: {exc}"))
                wait = self._attempt_interval
            await asyncio.sleep(wait.total_seconds())

    async def poll(self) -> timedelta:
        """Fetch and apply the listing if it is due and this replica claims it.

        Returns the wait before the next poll.
        """
        try:
            state = await self._records.read(self._source)
            now = self._clock()
            # In the future if the clock has stepped back since.
            self._started_at = min(self._started_at, now)
            if now >= max(self._due_at(state), self._wait.until(now)) and await self._claim_turn():
                state = await self._fetch() or state
        except BackendUnavailable as exc:
            self._log.warning("listing not looked at", error=str(exc))
            self._health.set_notice("listing", f"listing not looked at: {exc}")
            return self._attempt_interval
        self._health.set_notice("listing", None)
        self._update_health(state)
        return self._next_poll(state) - self._clock()

    def _due_at(self, state: ListingState | None) -> datetime:
        # A time in the future was written by a replica whose clock was wrong: it says nothing.
        is_known = state is not None and state.read_at - self._clock() < self._attempt_interval
        return state.read_at + self._interval if state is not None and is_known else self._started_at

    async def _claim_turn(self) -> bool:
        return self._keeps_turn or (await self._claim.claim(self._source, self._attempt_interval)).is_claimed

    async def _fetch(self) -> ListingState | None:
        """Fetch and apply the listing. Returns `None` if it could not be fetched or was implausible."""
        try:
            listing = await fetch_listing(self._source, self._fetcher)
        except SourceError as exc:
            self._record_failure(exc)
            return None
        return await self._apply(listing)

    async def _apply(self, listing: InstrumentListing) -> ListingState | None:
        now = self._clock()
        for name in listing.skipped:
            self._health.record_rejection(
                Rejection.UNREADABLE, f"listing entry {name or 'without a readable name'}"
            )
        self._health.record_accepted()
        try:
            changes = await apply_listing(self._source, listing, self._instruments, self._records, now=now)
        except SourceProtocolError as exc:
            self._anomaly, self._anomaly_at = exc, now
            self._record_failure(exc)
            return None
        for instrument, halt in changes.items():
            status = "trading again" if halt is None else halt.word
            self._log.warning("status", symbol=str(instrument.symbol), now=status)
        self._log.info(
            "listing read", listed=listing.size, skipped=len(listing.skipped), changed=len(changes)
        )
        self._keeps_turn = False
        self._failure = NOT_TRIED
        self._backoff.reset()
        # Not `now`: on a busy machine it took a while to apply, and what was applied just now is not old.
        return ListingState(self._clock(), listing.size)

    def _record_failure(self, error: SourceError) -> None:
        self._failure = str(error)
        # While the budget is spent, this replica keeps its turn; otherwise the consumers, which call often, would always be first.
        self._keeps_turn = isinstance(error, SourceRateLimited)
        now = self._clock()
        wait = error.retry_at - now if isinstance(error, SourceRateLimited) else self._backoff.next_wait()
        self._wait = Block()
        self._wait.extend(wait, now)
        self._log.warning("listing not read", error=self._failure)

    def _update_health(self, state: ListingState | None) -> None:
        """Report an implausible listing, or none for a long time."""
        since = self._started_at if state is None else max(self._started_at, state.read_at)
        if self._anomaly is not None and (state is None or state.read_at < self._anomaly_at):
            self._health.record_failure(self._anomaly)
        elif self._clock() - since > TOLERATED_INTERVALS * self._interval:
            reason = f"listing not read since {since.isoformat(timespec='minutes')}: {self._failure}"
            self._health.record_failure(SourceUnavailable(self._source, reason))
        else:
            self._health.record_success()

    def _next_poll(self, state: ListingState | None) -> datetime:
        now = self._clock()
        at = max(self._due_at(state), self._wait.until(now))
        if self._keeps_turn:
            return at
        number = tick_number(now, self._attempt_interval) + 1
        return max(at, tick_time(number, self._attempt_interval))
