"""Applies a listing to the tracked instruments of its source, unless it is implausible."""

from collections.abc import Mapping
from datetime import datetime

from instruments.instrument import Halt, Instrument
from instruments.listed import InstrumentListing
from instruments.listings import ListingRecords, ListingState
from instruments.store import InstrumentReader
from pipeline.listings.comparison import find_anomaly, find_changes
from rates.errors import SourceProtocolError
from rates.source import Source


async def apply_listing(
    source: Source,
    listing: InstrumentListing,
    instruments: InstrumentReader,
    records: ListingRecords,
    *,
    now: datetime,
    accept: bool = False,
) -> Mapping[Instrument, Halt | None]:
    """Apply a listing and return the instruments whose halt changed.

    `accept` applies an implausible listing, too.

    Raises:
    SourceProtocolError: the listing is implausible; nothing was changed.
    DatabaseUnavailable: the database cannot be reached; nothing was changed.
    """
    tracked = await instruments.read(source)
    anomaly = find_anomaly(tracked, listing, await records.read(source))
    if anomaly is not None and not (accept and listing.instruments):
        raise SourceProtocolError(source, f"listing not believed: {anomaly}")
    changes = find_changes(tracked, listing, now)
    await records.write(source, ListingState(now, listing.size), changes)
    return changes
