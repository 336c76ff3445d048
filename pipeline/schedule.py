"""When tasks are issued and how instruments are shared out among them. Pure: ticks are counted on the wall clock."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from instruments.instrument import Instrument
from pipeline.task import RequestedInstrument, Task
from rates.clock import EPOCH


def tick_number(now: datetime, interval: timedelta) -> int:
    """The tick that `now` falls into; the same for every producer whose clock agrees."""
    return (now - EPOCH) // interval


def tick_time(number: int, interval: timedelta) -> datetime:
    """The moment at which a tick begins."""
    return EPOCH + number * interval


def first_tick(now: datetime, interval: timedelta) -> int:
    """The tick a starting producer begins with: this one, if consumers still have half of it to work on its tasks."""
    number = tick_number(now, interval)
    remaining = tick_time(number + 1, interval) - now
    return number if remaining >= interval / 2 else number + 1


def shard(
    instruments: Sequence[Instrument], *, size: int, issued_at: datetime, deadline: datetime
) -> list[Task]:
    """Tasks of at most `size` instruments each, all of one source, as even as possible so that replicas share the work."""
    count = -(-len(instruments) // size)
    return [
        Task(
            id=uuid.uuid4().hex,
            source=instruments[0].source,
            wanted=tuple(
                RequestedInstrument(one.symbol, one.source_symbol) for one in instruments[index::count]
            ),
            issued_at=issued_at,
            deadline=deadline,
        )
        for index in range(count)
    ]
