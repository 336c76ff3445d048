"""The last known instruments: a start while the database is away.

Every process that reads the table stores what it read in Redis. A process that cannot read the table takes that instead, until
its own first read succeeds.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from instruments.instrument import Instrument
from instruments.snapshot import InvalidSnapshot, decode_snapshot, encode_snapshot
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


class LastKnownInstruments:
    """An `InstrumentReader` over `table`, or the last known instruments until its first success.

    `simulated` selects the snapshots that are read: those of simulated data, or those of real data.
    """

    def __init__(
        self,
        table: InstrumentReader,
        storage: SnapshotStorage,
        *,
        simulated: bool,
        clock: Clock = utc_now,
    ) -> None:
        self._table = table
        self._storage = storage
        self._simulated = simulated
        self._clock = clock
        self._has_read_table = False
        self._stored: tuple[Sequence[Instrument], datetime] | None = None
        self.read_at: datetime | None = None
        """When the table was read that the last known instruments are from; `None` while they are not in use."""
        self.error: str | None = None
        """Why the table cannot be read; `None` while the last known instruments are not in use."""

    async def read(self, source: Source | None = None) -> Sequence[Instrument]:
        try:
            instruments = await self._table.read(source)
        except DatabaseUnavailable as exc:
            if self._has_read_table:
                raise
            found = await self._read_last_known(exc)
            return found if source is None else [each for each in found if each.source is source]
        self._note_table()
        if source is None:
            await self._store(instruments)
        return instruments

    def _note_table(self) -> None:
        self._has_read_table = True
        if self.read_at is not None:
            log.info("instruments read from the database again")
            self.read_at = self.error = None

    async def _read_last_known(self, unavailable: DatabaseUnavailable) -> Sequence[Instrument]:
        """Read the last known instruments.

        Raises:
            DatabaseUnavailable: the original error, if there are none, or none that can be used.
        """
        try:
            data = await self._storage.read()
            if data is None:
                raise unavailable
            snapshot = decode_snapshot(data, simulated=self._simulated)
        except InvalidSnapshot as exc:
            log.warning("last known instruments ignored", reason=str(exc))
            raise unavailable from exc
        except CacheUnavailable as exc:
            raise unavailable from exc
        if self.read_at is None:
            log.warning(
                "using the last known instruments until the database is back",
                instruments=len(snapshot.instruments),
                read_at=snapshot.read_at.isoformat(timespec="seconds"),
                error=str(unavailable),
            )
        self.read_at, self.error = snapshot.read_at, str(unavailable)
        return snapshot.instruments

    async def _store(self, instruments: Sequence[Instrument]) -> None:
        """Store the instruments for processes that start later, unless that was just done."""
        now = self._clock()
        if self._stored is not None:
            known, stored_at = self._stored
            if known == instruments and timedelta() <= now - stored_at < STORE_INTERVAL:
                return
        if not instruments:
            # Of no use to anybody, and perhaps an accident.
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
