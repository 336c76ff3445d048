"""The split of instruments into tasks. Pure."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from instruments.instrument import Instrument
from pipeline.task import RequestedInstrument, Task


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
