"""The tracked instruments as last read.

Re-read every few seconds; kept while the database is unavailable.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog

from instruments.instrument import Instrument
from instruments.store import InstrumentReader
from rates.errors import DatabaseUnavailable
from rates.source import Source
from rates.symbol import Symbol


class Watchlist:
    """Returns instruments from memory, so that ticks and feeds never wait for the database."""

    def __init__(self, reader: InstrumentReader, *, refresh: timedelta) -> None:
        self._reader = reader
        self._refresh = refresh
        self._instruments: dict[Source, tuple[Instrument, ...]] = {}
        self._halted: dict[Source, frozenset[Symbol]] = {}
        # A reader returns the same list while nothing has changed.
        self._read: Sequence[Instrument] | None = None
        self._is_away = False
        self._log = structlog.get_logger("ratewire.watchlist")

    def instruments(self, source: Source) -> Sequence[Instrument]:
        """Return the tracked instruments of one source that are trading, sorted by symbol."""
        return self._instruments.get(source, ())

    def halted(self, source: Source) -> frozenset[Symbol]:
        """Return the symbols of one source that are tracked and do not trade at present."""
        return self._halted.get(source, frozenset())

    async def read(self) -> None:
        """Read the instruments again.

        Raises:
            DatabaseUnavailable: the database cannot be reached; the last known instruments are kept.
        """
        instruments = await self._reader.read()
        if instruments is self._read:
            return
        by_source: dict[Source, list[Instrument]] = {}
        halted: dict[Source, set[Symbol]] = {}
        for instrument in instruments:
            if instrument.halt is None:
                by_source.setdefault(instrument.source, []).append(instrument)
            else:
                halted.setdefault(instrument.source, set()).add(instrument.symbol)
        self._instruments = {source: tuple(ones) for source, ones in by_source.items()}
        self._halted = {source: frozenset(ones) for source, ones in halted.items()}
        self._read = instruments

    async def refresh_forever(self) -> None:
        """Read the instruments again every `refresh`, until cancelled."""
        while True:
            await asyncio.sleep(self._refresh.total_seconds())
            try:
                await self.read()
            except DatabaseUnavailable as exc:
                if not self._is_away:
                    self._log.warning("database away, keeping the last known instruments", error=str(exc))
                self._is_away = True
            else:
                if self._is_away:
                    self._log.info("database back")
                self._is_away = False
