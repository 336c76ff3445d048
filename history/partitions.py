"""Partitions of the tables of bars on Postgres.

Created ahead, dropped as a whole when they are too old.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from history.interval import Interval, TimeSpan, span_at

# Created before they are needed: a recorder that is late must not find none.
AHEAD = timedelta(days=3)
_NAME = re.compile(r"(bar_seconds|bar_minutes|bar_quarters)_p(\d{6,8})")


@dataclass(frozen=True)
class Partitioning:
    """The partitions of one table: one for each span of `interval`."""

    table: str
    interval: Interval
    form: str

    def spans(self, start: datetime, end: datetime) -> Iterator[tuple[str, TimeSpan]]:
        """Yield name and time of each partition that has a part between both."""
        while start < end:
            span = span_at(self.interval, start)
            yield f"{self.table}_p{span.start.strftime(self.form)}", span
            start = span.end

    def end_of(self, name: str) -> datetime | None:
        """Return the end of the time of a partition of this table.

        `None` for the name of another one.
        """
        found = _NAME.fullmatch(name)
        if found is None or found[1] != self.table:
            return None
        return span_at(self.interval, datetime.strptime(found[2], self.form).replace(tzinfo=UTC)).end


SECONDS = Partitioning("bar_seconds", Interval.D1, "%Y%m%d")
MINUTES = Partitioning("bar_minutes", Interval.MN1, "%Y%m")
QUARTERS = Partitioning("bar_quarters", Interval.MN1, "%Y%m")


def is_partition(name: str) -> bool:
    """Return whether a table is a partition of one of ours."""
    return _NAME.fullmatch(name) is not None


async def create_partitions(
    connection: AsyncConnection, partitioning: Partitioning, start: datetime, end: datetime
) -> None:
    """Create the missing partitions of a time."""
    for name, span in partitioning.spans(start, end):
        # Both names and times are made here, and no parameters are allowed in this statement.
        await connection.execute(
            text(
                f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {partitioning.table} "
                f"FOR VALUES FROM ('{span.start.isoformat()}') TO ('{span.end.isoformat()}')"
            )
        )


async def drop_partitions(
    connection: AsyncConnection, partitioning: Partitioning, before: datetime
) -> list[str]:
    """Drop the partitions that end at `before` or earlier. Returns their names."""
    rows = await connection.execute(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:table AS regclass)"),
        {"table": partitioning.table},
    )
    dropped = []
    for name in sorted(rows.scalars()):
        end = partitioning.end_of(name)
        if end is not None and end <= before:
            await connection.execute(text(f"DROP TABLE {name}"))
            dropped.append(name)
    return dropped
