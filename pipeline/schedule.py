"""The schedule of tasks: when ticks begin, and how instruments are split into tasks.

Pure; ticks follow the wall clock.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from instruments.instrument import Instrument
from pipeline.task import RequestedInstrument, Task
from rates.clock import EPOCH


def tick_number(now: datetime, interval: timedelta) -> int:
    """Return the number of the tick at `now`.

    It is the same for all producers whose clocks agree.
    """
    return (now - EPOCH) // interval


def tick_time(number: int, interval: timedelta) -> datetime:
    """Return the time at which a tick begins."""
    return EPOCH + number * interval


def first_tick(now: datetime, interval: timedelta) -> int:
    """Return the first tick of a starting producer: the current one if half of it is left."""
    number = tick_number(now, interval)
    remaining = tick_time(number + 1, interval) - now
    return number if remaining >= interval / 2 else number + 1


def make_tasks(
    instruments: Sequence[Instrument], *, size: int, issued_at: datetime, deadline: datetime
) -> list[Task]:
    """Split the instruments of one source into tasks of at most `size`, as evenly as possible."""
    count = -(-len(instruments) // size)
    return [
        Task(
            id=uuid.uuid4().hex,
            source=instruments[0].source,
            instruments=tuple(
                RequestedInstrument(one.symbol, one.source_symbol) for one in instruments[index::count]
            ),
            issued_at=issued_at,
            deadline=deadline,
        )
        for index in range(count)
    ]
