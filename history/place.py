"""The place in the log of a source until which everything is stored."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from history.batch import BarBatch
from history.interval import Interval, span_at
from history.models import RecordingRow
from instruments.store import aware
from rates.source import Source


@dataclass
class Place:
    """The state of a recording between two batches, as in `RecordingRow`."""

    session: str
    number: int
    through: datetime | None
    not_before: datetime | None
    minutes_until: datetime
    hours_until: datetime | None = None

    @classmethod
    def of(cls, row: Row[Any] | None, first: BarBatch) -> Self:
        """Return the place of a row; without one, that before the `first` batch."""
        if row is None:
            earliest = min((one.second.open_time for one in first.closed), default=first.folded_at)
            # What an earlier process claims to have recorded is not here.
            earliest = min(earliest, first.folded_at)
            return cls("", 0, None, earliest, span_at(Interval.M1, earliest).start)
        return cls(
            row.session,
            row.number,
            None if row.through is None else aware(row.through),
            None if row.not_before is None else aware(row.not_before),
            aware(row.minutes_until),
            None if row.hours_until is None else aware(row.hours_until),
        )

    def clamp(self, at: datetime) -> datetime:
        """Return `at`, but no time before which batches were lost."""
        return at if self.not_before is None else max(at, self.not_before)


async def read_place(
    connection: AsyncConnection, source: Source, *, simulated: bool, locked: bool = True
) -> Row[Any] | None:
    """Return the row of a source, locked for others that store. `None` before its first batch."""
    query = select(RecordingRow.__table__).where(
        RecordingRow.source == source, RecordingRow.simulated == simulated
    )
    return (await connection.execute(query.with_for_update() if locked else query)).one_or_none()


async def store_place(
    connection: AsyncConnection, known: Row[Any] | None, key: tuple[Source, bool], entry: str, place: Place
) -> None:
    """Store the place after the batch of `entry`. `known`: the row before it."""
    source, simulated = key
    values = {
        "entry": entry,
        "session": place.session,
        "number": place.number,
        "through": place.through,
        "not_before": place.not_before,
        "minutes_until": place.minutes_until,
        "hours_until": place.hours_until,
    }
    if known is None:
        await connection.execute(insert(RecordingRow).values(source=source, simulated=simulated, **values))
        return
    table = RecordingRow.__table__
    await connection.execute(
        update(RecordingRow).where(table.c.source == source, table.c.simulated == simulated).values(**values)
    )
