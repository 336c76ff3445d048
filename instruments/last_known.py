"""The last known instruments: for a start without the database, and for lost rows.

Every process that reads the table stores what it read in Redis. A process that cannot read the table takes that instead, until
its own first read succeeds. One that can compares the table with it (`loss_guard`).
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from instruments.instrument import Instrument, Removal
from instruments.loss_guard import Instruments, LossGuard, by_key
from instruments.snapshot import InvalidSnapshot, TableSnapshot, decode_snapshot, encode_snapshot
from instruments.store import InstrumentReader
from rates.clock import Clock, utc_now
from rates.errors import CacheUnavailable, DatabaseUnavailable
from rates.source import Source

# A snapshot is stored again after this time although it has not changed: Redis may have lost it.
STORE_INTERVAL = timedelta(seconds=60)
# A Redis that is slow or away must not keep what was just read from its reader.
STORE_TIMEOUT_S = 1.0

log = structlog.get_logger("ratewire.instruments")


class SnapshotStorage(Protocol):
    """One place for bytes that all processes share."""

    async def read(self) -> bytes | None:
        """Return the bytes stored last, or `None`.

        Raises:
            CacheUnavailable: the place cannot be reached.
        """
        ...

    async def write(self, data: bytes) -> None:
        """Replace the bytes.

        Raises:
            CacheUnavailable: they may or may not be stored.
        """
        ...


class InstrumentTable(InstrumentReader, Protocol):
    """The table of instruments, with the notes of what commands removed."""

    async def read_removals(self) -> frozenset[Removal]:
        """Read which instruments commands removed.

        Raises:
            DatabaseUnavailable: the database cannot be reached.
        """
        ...


class LastKnownInstruments:
    """An `InstrumentReader` over `table`, or the last known instruments until its first success.

    `simulated` selects the snapshots that are read: those of simulated data, or those of real data. Without `storage` no process
    knows what another one read.
    """

    def __init__(
        self,
        table: InstrumentTable,
        storage: SnapshotStorage | None,
        *,
        simulated: bool,
        clock: Clock = utc_now,
        guard: LossGuard | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._storage = storage
        self._simulated = simulated
        self._clock = clock
        self._guard = guard or LossGuard()
        self._monotonic = monotonic
        self._known: Instruments | None = None
        self._has_read_table = False
        # What the table returned last, and what was made of it. It returns the same list while nothing has changed.
        self._last_rows: Sequence[Instrument] | None = None
        self._last_read: Sequence[Instrument] = ()
        self._stored: tuple[Sequence[Instrument], datetime] | None = None
        self.read_at: datetime | None = None
        """When the table was read that the last known instruments are from; `None` while they are not in use."""
        self.error: str | None = None
        """Why the table cannot be read; `None` while the last known instruments are not in use."""

    @property
    def held_back(self) -> Mapping[Source, str]:
        """The instruments that are missing in the table and kept, in words, by source."""
        return self._guard.held_back

    @property
    def held_back_count(self) -> int:
        """The number of instruments that are missing in the table and kept."""
        return self._guard.count

    async def read(self, source: Source | None = None) -> Sequence[Instrument]:
        try:
            instruments = await self._read_table()
        except DatabaseUnavailable as exc:
            if self._has_read_table:
                raise
            instruments = await self._read_last_known(exc)
        else:
            self._note_table()
            await self._store(instruments)
        return instruments if source is None else [each for each in instruments if each.source is source]

    async def _read_table(self) -> Sequence[Instrument]:
        """Read the table, and keep what it lost implausibly.

        Raises:
            DatabaseUnavailable: the database cannot be reached.
        """
        rows = await self._table.read()
        if rows is self._last_rows and not self._guard.count:
            return self._last_read
        found = by_key(rows)
        if self._known is None:
            snapshot = await self._read_baseline()
            self._known = {} if snapshot is None else by_key(snapshot.instruments)
        known = self._known
        removed: frozenset[Removal] = frozenset()
        if self._guard.suspects(known, found):
            removed = await self._table.read_removals()
        self._known = self._guard.judge(
            known, found, removed, now=self._clock(), monotonic_s=self._monotonic()
        )
        self._last_rows = rows
        self._last_read = sorted(self._known.values(), key=lambda each: (each.source, each.symbol))
        return self._last_read

    def _note_table(self) -> None:
        self._has_read_table = True
        if self.read_at is not None:
            log.info("instruments read from the database again")
            self.read_at = self.error = None

    async def _read_baseline(self) -> TableSnapshot | None:
        """Return what other processes, or an earlier run, read; `None` if that is not known."""
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                return await self._read_snapshot()
        except (CacheUnavailable, TimeoutError) as exc:
            log.debug("no last known instruments to compare with", error=str(exc) or type(exc).__name__)
        except InvalidSnapshot as exc:
            log.warning("last known instruments ignored", reason=str(exc))
        return None

    async def _read_snapshot(self) -> TableSnapshot | None:
        data = None if self._storage is None else await self._storage.read()
        return None if data is None else decode_snapshot(data, simulated=self._simulated)

    async def _read_last_known(self, unavailable: DatabaseUnavailable) -> Sequence[Instrument]:
        """Read the last known instruments.

        Raises:
            DatabaseUnavailable: the original error, if there are none, or none that can be used.
        """
        try:
            snapshot = await self._read_snapshot()
        except InvalidSnapshot as exc:
            log.warning("last known instruments ignored", reason=str(exc))
            raise unavailable from exc
        except CacheUnavailable as exc:
            raise unavailable from exc
        if snapshot is None:
            raise unavailable
        if self.read_at is None:
            log.warning(
                "using the last known instruments until the database is back",
                instruments=len(snapshot.instruments),
                read_at=snapshot.read_at.isoformat(timespec="seconds"),
                error=str(unavailable),
            )
        self._known = by_key(snapshot.instruments)
        self.read_at, self.error = snapshot.read_at, str(unavailable)
        return snapshot.instruments

    async def _store(self, instruments: Sequence[Instrument]) -> None:
        """Store the instruments for processes that start later, unless that was just done."""
        now = self._clock()
        if self._stored is not None:
            known, stored_at = self._stored
            if known == instruments and timedelta() <= now - stored_at < STORE_INTERVAL:
                return
        if self._storage is None or not instruments:
            # An empty set is of no use to anybody, and perhaps an accident.
            return
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                await self._storage.write(
                    encode_snapshot(instruments, simulated=self._simulated, read_at=now)
                )
        except (CacheUnavailable, TimeoutError) as exc:
            log.debug("last known instruments not stored", error=str(exc) or type(exc).__name__)
        else:
            self._stored = instruments, now
