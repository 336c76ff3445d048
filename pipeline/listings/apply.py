"""Has the tracked instruments of one source follow one listing, unless that is not to be believed."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from instruments.instrument import Halt, Instrument
from instruments.listed import ListedInstrument
from instruments.listings import ListingRecords, ListingState
from instruments.store import InstrumentReader
from pipeline.listings.comparison import find_anomaly, find_changes
from rates.errors import SourceProtocolError
from rates.source import Source


async def apply_listing(
    source: Source,
    listed: Sequence[ListedInstrument],
    instruments: InstrumentReader,
    records: ListingRecords,
    *,
    now: datetime,
    accept: bool = False,
) -> Mapping[Instrument, Halt | None]:
    """Whose halt is another from now on; `accept` believes a listing that would raise doubts.

    Raises:
        SourceProtocolError: the listing is not believed; nothing was changed.
        DatabaseUnavailable: out of reach; nothing was changed.
    """
    tracked = await instruments.read(source)
    doubt = find_anomaly(tracked, listed, await records.read(source))
    if doubt is not None and not (accept and listed):
        raise SourceProtocolError(source, f"listing not believed: {doubt}")
    changes = find_changes(tracked, listed, now)
    await records.write(source, ListingState(now, len(listed)), changes)
    return changes
