"""Compares a listing with the tracked instruments, and detects implausible listings.

Pure; time is an argument.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from instruments.instrument import Halt, Instrument
from instruments.listed import InstrumentListing, ListedInstrument, TradingStatus
from instruments.listings import ListingState

# The status of an instrument that is missing from the listing. The source has no word for it.
NOT_LISTED = "not listed"
# Sources delist a few instruments a week. A listing that lost a larger share at once was truncated.
PLAUSIBLE_LOSS = 0.2
NAMED_MISSING = 5


def find_anomaly(
    tracked: Sequence[Instrument], listing: InstrumentListing, last: ListingState | None
) -> str | None:
    """Return why the listing is implausible, or `None`.

    `last` is the last listing that was applied.

        Only missing instruments count. A status is the source's explicit statement, even if it halts all instruments: exchanges do
    that for maintenance.
    """
    if not listing.instruments:
        return "expected instruments, saw none"
    if last is not None and listing.size < last.size * (1 - PLAUSIBLE_LOSS):
        at = last.read_at.isoformat(timespec="minutes")
        return f"expected about {last.size} instruments as at {at}, saw {listing.size}"
    known = {one.source_symbol for one in listing.instruments} | set(listing.skipped)
    trading = [one for one in tracked if one.halt is None]
    missing = [one for one in trading if one.source_symbol not in known]
    if len(missing) > max(1, len(trading) * PLAUSIBLE_LOSS):
        names = ", ".join(str(one.symbol) for one in missing[:NAMED_MISSING])
        more = ", …" if len(missing) > NAMED_MISSING else ""
        return (
            f"expected most of {len(trading)} tracked instruments, saw {len(missing)} missing: {names}{more}"
        )
    return None


def find_changes(
    tracked: Sequence[Instrument], listing: InstrumentListing, now: datetime
) -> Mapping[Instrument, Halt | None]:
    """Return the instruments whose halt changes.

    A halt that continues with another status keeps its beginning. An instrument whose entry may be one of the unreadable
    ones stays as it is.
    """
    listed_by_source_symbol = {one.source_symbol: one for one in listing.instruments}
    changes: dict[Instrument, Halt | None] = {}
    for instrument in tracked:
        listed = listed_by_source_symbol.get(instrument.source_symbol)
        if listed is None and listing.may_skip(instrument.source_symbol):
            continue
        halt = find_halt(listed, now)
        if halt is not None and instrument.halt is not None:
            halt = Halt(halt.word, instrument.halt.since)
        if halt != instrument.halt:
            changes[instrument] = halt
    return changes


def find_halt(listed: ListedInstrument | None, now: datetime) -> Halt | None:
    """Return the halt that an entry of a listing means, `None` if it trades.

    A missing entry is a halt.
    """
    if listed is None:
        return Halt(NOT_LISTED, now)
    return None if listed.status is TradingStatus.TRADING else Halt(listed.word, now)
