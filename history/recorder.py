"""Reads the log of one source and stores it.

It may be killed at any time, and several may run.
"""

import asyncio
from datetime import datetime, timedelta

import structlog

from history.ports import BarLog
from history.recording import KeptSince
from history.store import HistoryStore
from rates.clock import Clock
from rates.errors import CacheUnavailable, DatabaseUnavailable
from rates.source import Source

# Batches of one transaction: 20 s of a source at ten a second.
BATCHES = 200
POLL_S = 0.5
RETRY_S = 2.0
MAINTAIN_EVERY = timedelta(hours=1)


class Recorder:
    """Stores the batches of one source. `keep_seconds`, `keep_minutes`: older bars are dropped."""

    def __init__(
        self,
        source: Source,
        log: BarLog,
        store: HistoryStore,
        *,
        keep_seconds: timedelta,
        keep_minutes: timedelta,
        clock: Clock,
    ) -> None:
        self._source, self._bars, self._store, self._clock = source, log, store, clock
        self._keep_seconds, self._keep_minutes = keep_seconds, keep_minutes
        self._entry: str | None = None
        self._maintained_at: datetime | None = None
        self._is_away = False
        self._log = structlog.get_logger("ratewire.recorder").bind(source=source.value)

    async def run(self) -> None:
        """Store batches until cancelled."""
        while True:
            try:
                stored = await self.step()
            except (CacheUnavailable, DatabaseUnavailable) as exc:
                if not self._is_away:
                    self._log.warning("nothing is stored, the log keeps the bars", error=str(exc))
                self._is_away = True
                await asyncio.sleep(RETRY_S)
                continue
            if self._is_away:
                self._log.info("storing again")
            self._is_away = False
            if stored < BATCHES:
                await asyncio.sleep(POLL_S)

    async def step(self) -> int:
        """Store the next batches. Returns their number.

        Raises:
            CacheUnavailable, DatabaseUnavailable: nothing was stored. Repeating it is safe.
            MalformedBatch: the log has an unreadable entry.
        """
        await self._maintain()
        if self._entry is None:
            self._entry = await self._store.read_entry(self._source)
        batches = await self._bars.read(self._source, self._entry, BATCHES)
        if not batches:
            return 0
        if await self._store.store(self._source, self._entry, batches, self._kept_since()):
            self._entry = batches[-1].entry
        else:
            # Another recorder was faster.
            self._entry = None
        return len(batches)

    def _kept_since(self) -> KeptSince:
        now = self._clock()
        return KeptSince(now - self._keep_seconds, now - self._keep_minutes)

    async def _maintain(self) -> None:
        now = self._clock()
        if self._maintained_at is not None and now - self._maintained_at < MAINTAIN_EVERY:
            return
        dropped = await self._store.maintain(now, self._kept_since())
        if dropped:
            self._log.info("dropped old bars", partitions=dropped)
        self._maintained_at = now
