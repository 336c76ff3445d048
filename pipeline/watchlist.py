"""The tracked instruments as last read: re-read every few seconds, kept as they were while the database is away."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog

from instruments.instrument import Instrument
from instruments.store import InstrumentReader
from rates.errors import DatabaseUnavailable
from rates.source import Source


class Watchlist:
    """Answers from memory, so that neither a tick nor a push feed ever waits for the database."""

    def __init__(self, reader: InstrumentReader, *, refresh: timedelta) -> None:
        self._reader = reader
        self._refresh = refresh
        self._known: dict[Source, tuple[Instrument, ...]] = {}
        self._away = False
        self._log = structlog.get_logger("ratewire.watchlist")

    def of(self, source: Source) -> Sequence[Instrument]:
        """One source's instruments that it trades, by symbol."""
        return self._known.get(source, ())

    async def read(self) -> None:
        """Read anew.

        Raises:
            DatabaseUnavailable: out of reach; what was known stays known.
        """
        instruments = await self._reader.read()
        known: dict[Source, list[Instrument]] = {}
        for instrument in instruments:
            if instrument.halt is not None:
                continue
            known.setdefault(instrument.source, []).append(instrument)
        self._known = {source: tuple(ones) for source, ones in known.items()}

    async def follow(self) -> None:
        """Read anew every `refresh`, until cancelled."""
        while True:
            await asyncio.sleep(self._refresh.total_seconds())
            try:
                await self.read()
            except DatabaseUnavailable as exc:
                if not self._away:
                    self._log.warning("database away, keeping the last known instruments", error=str(exc))
                self._away = True
            else:
                if self._away:
                    self._log.info("database back")
                self._away = False
