"""What a listing means for the tracked instruments, and when it is not to be believed. Pure; time is an argument."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from instruments.instrument import Halt, Instrument
from instruments.listed import ListedInstrument, TradingStatus
from instruments.listings import ListingState

# What is halted because it is missing, in our words: the source has none for it.
NOT_LISTED = "not listed"
# Sources delist a few instruments a week. A listing that lost more than this at once was cut on its way.
BELIEVABLE_LOSS = 0.2
NAMED_IN_DOUBT = 5


def find_anomaly(
    tracked: Sequence[Instrument], listed: Sequence[ListedInstrument], last: ListingState | None
) -> str | None:
    """Why the listing is not to be believed; `None` if it is. `last` is the one that was believed last.

    Only what is missing raises doubts. A status is the source's own word about that very instrument, be it about all of them:
    exchanges halt everything for maintenance.
    """
    if not listed:
        return "expected instruments, saw none"
    if last is not None and len(listed) < last.size * (1 - BELIEVABLE_LOSS):
        at = last.read_at.isoformat(timespec="minutes")
        return f"expected about {last.size} instruments as at {at}, saw {len(listed)}"
    known = {one.source_symbol for one in listed}
    trading = [one for one in tracked if one.halt is None]
    missing = [one for one in trading if one.source_symbol not in known]
    if len(missing) > max(1, len(trading) * BELIEVABLE_LOSS):
        names = ", ".join(str(one.symbol) for one in missing[:NAMED_IN_DOUBT])
        more = ", …" if len(missing) > NAMED_IN_DOUBT else ""
        return (
            f"expected most of {len(trading)} tracked instruments, saw {len(missing)} missing: {names}{more}"
        )
    return None


def find_changes(
    tracked: Sequence[Instrument], listed: Sequence[ListedInstrument], now: datetime
) -> Mapping[Instrument, Halt | None]:
    """Whose halt is another by this listing. A halt that goes on under another word began when it began."""
    by_spelling = {one.source_symbol: one for one in listed}
    changes: dict[Instrument, Halt | None] = {}
    for instrument in tracked:
        halt = find_halt(by_spelling.get(instrument.source_symbol), now)
        if halt is not None and instrument.halt is not None:
            halt = Halt(halt.word, instrument.halt.since)
        if halt != instrument.halt:
            changes[instrument] = halt
    return changes


def find_halt(listed: ListedInstrument | None, now: datetime) -> Halt | None:
    """The halt that an entry of a listing means, or its absence."""
    if listed is None:
        return Halt(NOT_LISTED, now)
    return None if listed.status is TradingStatus.TRADING else Halt(listed.word, now)
