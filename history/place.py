"""The place in the log of a source until which everything is stored."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from history.batch import BarBatch
from history.interval import Interval, TimeSpan, span_at
from history.models import RecordingRow
from instruments.store import aware
from rates.source import Source


class RolledUp(NamedTuple):
    """The time of which quarter hours are stored, and until when hours and days are."""

    quarters: TimeSpan | None
    hours_until: datetime | None

    def columns(self) -> dict[str, datetime | None]:
        """Return the columns of a recording."""
        since, until = self.quarters or (None, None)
        return {"quarters_since": since, "quarters_until": until, "hours_until": self.hours_until}


NOTHING_ROLLED_UP = RolledUp(None, None)


def to_rolled_up(row: Row[Any]) -> RolledUp:
    """Return what the row of a recording says."""
    quarters = None
    if row.quarters_since is not None and row.quarters_until is not None:
        quarters = TimeSpan(aware(row.quarters_since), aware(row.quarters_until))
    return RolledUp(quarters, None if row.hours_until is None else aware(row.hours_until))


@dataclass
class Place:
    """The state of a recording between two batches, as in `RecordingRow`."""

    session: str
    number: int
    through: datetime | None
    not_before: datetime | None
    minutes_until: datetime
    rolled_up: RolledUp = NOTHING_ROLLED_UP

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
            to_rolled_up(row),
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
    values: dict[str, object] = {
        "entry": entry,
        "session": place.session,
        "number": place.number,
        "through": place.through,
        "not_before": place.not_before,
        "minutes_until": place.minutes_until,
        **place.rolled_up.columns(),
    }
    if known is None:
        await connection.execute(insert(RecordingRow).values(source=source, simulated=simulated, **values))
        return
    table = RecordingRow.__table__
    await connection.execute(
        update(RecordingRow).where(table.c.source == source, table.c.simulated == simulated).values(**values)
    )
