"""Reads the log of one source and stores it.

It may be killed at any time, and several may run. No error ends it: what cannot be stored is skipped, and becomes a gap.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from history.ports import BarLog, LoggedBatch
from history.recording import KeptSince
from history.storage_errors import is_about_data
from history.store import HistoryStore
from rates.clock import Clock
from rates.errors import CacheUnavailable, DatabaseUnavailable
from rates.source import Source

RETRY_S = 2.0
MAINTAIN_EVERY = timedelta(hours=1)
# A batch that failed this often by itself is skipped.
ATTEMPTS = 3


class Recorder:
    """Stores the batches of one source, `batches` in one transaction, every `poll_s`.

    `keep_seconds`, `keep_minutes`: older bars are dropped.

    `on_problem` is told what is wrong at present, or `None`. `on_skipped` is told why a batch is not stored, which is a gap
    then. `on_behind` is told since when there may be batches that are not stored; `None` if there are none.
    """

    def __init__(
        self,
        source: Source,
        log: BarLog,
        store: HistoryStore,
        *,
        keep_seconds: timedelta,
        keep_minutes: timedelta,
        clock: Clock,
        batches: int = 200,
        poll_s: float = 0.5,
        on_problem: Callable[[str | None], None] = lambda _: None,
        on_skipped: Callable[[str], None] = lambda _: None,
        on_behind: Callable[[datetime | None], None] = lambda _: None,
    ) -> None:
        self._source, self._bars, self._store, self._clock = source, log, store, clock
        self._keep_seconds, self._keep_minutes = keep_seconds, keep_minutes
        self._on_problem, self._on_skipped, self._on_behind = on_problem, on_skipped, on_behind
        # The last stored entry, and the last one that was read: behind it by those that are skipped.
        self._stored: str | None = None
        self._read = ""
        self._first: str | None = None
        self._count = 0
        self._batches, self._poll_s = batches, poll_s
        self._limit, self._failures = batches, 0
        self._maintained_at: datetime | None = None
        self._caught_up_at = clock()
        self._is_away = self._is_failing = False
        self._log = structlog.get_logger("ratewire.recorder").bind(source=source.value)

    async def run(self) -> None:
        """Store batches until cancelled."""
        while True:
            wait_s = await self.attempt()
            await asyncio.sleep(wait_s)

    async def attempt(self) -> float:
        """Store the next batches, or count why they are not. Returns the seconds to wait."""
        try:
            read = await self.step()
        except (CacheUnavailable, DatabaseUnavailable) as exc:
            self._on_behind(self._caught_up_at)
            if is_about_data(exc):
                self._on_failure(exc)
            else:
                self._on_away(exc)
            return RETRY_S
        except Exception as exc:  # noqa: BLE001 # the outermost loop: the batches after this one can be stored
            self._on_behind(self._caught_up_at)
            self._on_failure(exc)
            return RETRY_S
        if self._is_away:
            self._log.info("storing again")
        self._is_away = False
        self._on_problem(None)
        if read == self._limit:
            # There are more.
            self._limit = min(2 * self._limit, self._batches)
            self._on_behind(self._caught_up_at)
            return 0
        self._caught_up_at, self._is_failing = self._clock(), False
        self._on_behind(None)
        return self._poll_s

    async def step(self) -> int:
        """Store the next batches. Returns the number of entries read.

        Raises:
            CacheUnavailable, DatabaseUnavailable: nothing was stored. Repeating it is safe.
        """
        await self._maintain()
        self._first, self._count = None, 0
        if self._stored is None:
            self._stored = self._read = await self._store.read_entry(self._source)
        entries = await self._bars.read(self._source, self._read, self._limit)
        if not entries:
            return 0
        self._first, self._count = entries[0].entry, len(entries)
        batches = [LoggedBatch(entry, batch) for entry, batch in entries if batch is not None]
        if not batches or await self._store.store(self._source, self._stored, batches, self._kept_since()):
            self._stored = batches[-1].entry if batches else self._stored
            self._read = entries[-1].entry
            for entry, batch in entries:
                if batch is None:
                    self._skip(entry, "it is unreadable")
        else:
            # Another recorder was faster.
            self._stored = None
        self._failures = 0
        return len(entries)

    def _on_away(self, error: Exception) -> None:
        if not self._is_away:
            self._log.warning("nothing is stored, the log keeps the bars", error=str(error))
        self._is_away = True
        self._on_problem(f"no bars are stored, the log keeps them: {error}")

    def _on_failure(self, error: Exception) -> None:
        """Read fewer batches, and skip one that cannot be stored by itself either."""
        self._failures += 1
        # One traceback of each spell.
        traceback = None if self._is_failing else error
        self._log.error("bars cannot be stored", batches=self._count, error=str(error), exc_info=traceback)
        self._is_failing = True
        self._on_problem(f"bars cannot be stored: {type(error).__name__}: {error}")
        # A partition may be missing.
        self._maintained_at = None
        if self._count > 1:
            self._limit, self._failures = self._count // 2, 0
        elif self._failures >= ATTEMPTS and self._first is not None:
            self._skip(self._first, f"{type(error).__name__}: {error}")
            self._read, self._failures = self._first, 0

    def _skip(self, entry: str, reason: str) -> None:
        """Go on after an entry. The number that is missing then is a gap."""
        self._log.error("skipped a batch, which leaves a gap", entry=entry, reason=reason)
        self._on_skipped(f"batch {entry} was skipped: {reason}")

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
