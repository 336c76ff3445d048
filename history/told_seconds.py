"""Seconds that batches told: all revisions, each known since the time of its batch."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from history.bar import Bar, merge
from history.bar_rows import Correction, compare, insert_rows, read_newest, to_bar, to_row
from history.models import SecondRow
from history.second_fold import SecondBar

SECOND = timedelta(seconds=1)

SecondKey = tuple[int, datetime]
"""A series, and the time at which the second begins."""


class ToldBar(NamedTuple):
    """A bar of a second, and the time of the batch that told it."""

    bar: Bar
    known_at: datetime


class StoredSeconds(NamedTuple):
    """Seconds with a new revision, and those of which two processes told different trades."""

    changed: list[SecondKey]
    unclear: list[SecondKey]


class ToldSeconds:
    """The bars that batches told and that are not stored yet, in order."""

    def __init__(self) -> None:
        self._told: dict[SecondKey, list[ToldBar]] = {}

    def add(self, series: int, second: SecondBar, known_at: datetime) -> None:
        """Add a bar of the batch of `known_at`."""
        self._told.setdefault((series, second.open_time), []).append(ToldBar(second.bar, known_at))

    async def store(self, connection: AsyncConnection, kept: datetime) -> StoredSeconds:
        """Store a row for each bar that says more than the one before it.

        A feed that takes over tells the rest of a second, whose first part the other one has told. There is no room before `kept`.
        """
        told, self._told = self._told, {}
        stored = StoredSeconds([], [])
        if not told:
            return stored
        times = [open_time for _, open_time in told]
        known = await read_newest(
            connection, SecondRow, {series for series, _ in told}, min(times), max(times) + SECOND
        )
        rows = []
        for key, bars in told.items():
            row = known.get(key)
            newest, revision = (None, -1) if row is None else (to_bar(row), row.revision)
            for bar, known_at in bars:
                correction = Correction.REPLACES if newest is None else compare(newest, bar)
                if correction is Correction.UNCLEAR:
                    stored.unclear.append(key)
                if correction in (Correction.NOTHING_NEW, Correction.UNCLEAR):
                    continue
                newest = merge(newest, bar) if newest is not None and correction is Correction.ADDS else bar
                revision += 1
                rows.append(to_row(*key, revision, newest, known_at))
                stored.changed.append(key)
        await insert_rows(connection, SecondRow, [row for row in rows if row["open_time"] >= kept])
        return stored
