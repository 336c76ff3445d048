"""Stored results of listings: trading halts, and when each listing was last accepted."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, and_, delete, insert, select, update

from instruments.instrument import Halt, Instrument
from instruments.models import InstrumentRow, ListingRow
from instruments.store import InstrumentStore, aware, halt_columns
from rates.source import Source


class ListingState(msgspec.Struct, frozen=True):
    """When a listing was last accepted, and its number of instruments."""

    read_at: datetime
    size: int


class ListingRecords:
    """Stores listing states and halts, separately for simulated and real data."""

    def __init__(self, store: InstrumentStore) -> None:
        self._store = store

    async def read(self, source: Source) -> ListingState | None:
        """Read the state of the listing of `source` accepted last; `None` if there is none.

        Raises:
            DatabaseUnavailable: the database cannot be reached.
        """
        query = select(ListingRow.read_at, ListingRow.size).where(self._is_of(source))
        async with self._store.transaction() as connection:
            found = (await connection.execute(query)).one_or_none()
        return None if found is None else ListingState(aware(found.read_at), found.size)

    async def write(
        self, source: Source, state: ListingState, changes: Mapping[Instrument, Halt | None]
    ) -> None:
        """Store an accepted listing and the halts that it changes.

        Skips instruments whose `source_symbol` in the database has changed since.

        Raises:
            DatabaseUnavailable: the database cannot be reached; nothing was changed.
        """
        async with self._store.transaction(writes=True) as connection:
            for instrument, halt in changes.items():
                await connection.execute(
                    update(InstrumentRow)
                    .where(
                        InstrumentRow.source == instrument.source,
                        InstrumentRow.base == instrument.symbol.base,
                        InstrumentRow.quote == instrument.symbol.quote,
                        InstrumentRow.source_symbol == instrument.source_symbol,
                    )
                    .values(halt_columns(halt, simulated=self._store.simulated))
                )
            await connection.execute(delete(ListingRow).where(self._is_of(source)))
            await connection.execute(
                insert(ListingRow).values(
                    source=source.value,
                    simulated=self._store.simulated,
                    read_at=state.read_at,
                    size=state.size,
                )
            )

    def _is_of(self, source: Source) -> ColumnElement[bool]:
        return and_(ListingRow.source == source, ListingRow.simulated == self._store.simulated)
