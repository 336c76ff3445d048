"""Holds back implausible losses of tracked instruments. Time is an argument.

Judges what is missing, never what is new: an instrument too many does no harm to the others.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import structlog

from instruments.instrument import Instrument, Removal
from rates.source import Source
from rates.ticker import TickerKey

Instruments = dict[TickerKey, Instrument]
MAX_LOSS_PERCENT = 20.0
HOLD_S = 86_400.0

log = structlog.get_logger("ratewire.instruments")


def by_key(instruments: Iterable[Instrument]) -> Instruments:
    """Return the instruments by their keys.

    A table that was restored without constraints may hold rows twice.
    """
    return {TickerKey(each.source, each.symbol): each for each in instruments}


def find_lost(known: Instruments, found: Instruments) -> list[Instrument]:
    """Return the known instruments that are missing, or have another source symbol."""
    return [
        each
        for key, each in known.items()
        if key not in found or found[key].source_symbol != each.source_symbol
    ]


def find_implausible(known: Instruments, lost: Sequence[Instrument], max_share: float) -> list[Instrument]:
    """Return those of the lost instruments that nobody would have removed all at once.

    That is all of them, if nothing is left or more than `max_share` of the whole is lost; else those of each source that lost
    more than that share. One instrument may always be missing.
    """
    if lost and (len(lost) == len(known) or len(lost) > max(1, len(known) * max_share)):
        return list(lost)
    known_by_source = Counter(key.source for key in known)
    lost_by_source = Counter(each.source for each in lost)
    return [
        each
        for each in lost
        if lost_by_source[each.source] > max(1, known_by_source[each.source] * max_share)
    ]


def find_moved(known: Instruments, found: Instruments, lost: Collection[Instrument]) -> Instruments:
    """Return the new instruments that repeat a lost one under another source or symbol.

    They have its source symbol. A mistaken UPDATE of a whole column does that: the row of BTCUSDT then names another exchange or
    another currency.
    """
    by_source = {(each.source, each.source_symbol) for each in lost}
    by_symbol = {(each.symbol, each.source_symbol) for each in lost}
    return {
        key: each
        for key, each in found.items()
        if key not in known
        and ((each.source, each.source_symbol) in by_source or (each.symbol, each.source_symbol) in by_symbol)
    }


class LossGuard:
    """Keeps implausibly lost instruments.

    Until they return, a command removes them, or `hold_s` has passed. The time starts anew when more of them are lost.
    """

    def __init__(self, *, max_loss_percent: float = MAX_LOSS_PERCENT, hold_s: float = HOLD_S) -> None:
        self._max_share = max_loss_percent / 100
        self._hold_s = hold_s
        self._held: dict[Removal, Instrument] = {}
        self._moved: set[TickerKey] = set()
        self._began_s = 0.0
        self._since: datetime | None = None
        self.held_back: Mapping[Source, str] = {}
        """What is held back, in words, by source; empty while nothing is."""

    @property
    def count(self) -> int:
        """The number of instruments that are held back."""
        return len(self._held)

    def suspects(self, known: Instruments, found: Instruments) -> bool:
        """Whether the loss is implausible unless commands explain it."""
        lost = find_lost(known, found)
        return bool(self._held or find_implausible(known, lost, self._max_share))

    def judge(
        self,
        known: Instruments,
        found: Instruments,
        removed: Collection[Removal],
        *,
        now: datetime,
        monotonic_s: float,
    ) -> Instruments:
        """Return the instruments to go on with: those found, and those that are held back.

        `known` is what the last call returned, `removed` what commands removed.
        """
        lost = [each for each in find_lost(known, found) if each.removal not in removed]
        implausible = {each.removal for each in find_implausible(known, lost, self._max_share)}
        # What is held back stays so, also when so much has returned that the rest could be left out.
        held = {each.removal: each for each in lost if each.removal in implausible | self._held.keys()}
        if held.keys() - self._held.keys():
            self._began_s, self._since = monotonic_s, now
            # Rows that came as others went, such as by an UPDATE of the source, are part of the same change.
            self._moved |= find_moved(known, found, held.values()).keys()
        if not held or monotonic_s - self._began_s >= self._hold_s:
            self._end(held)
            return found
        if held.keys() != self._held.keys():
            self._describe(held, known)
        self._held = held
        kept = {key: each for key, each in found.items() if key not in self._moved}
        return kept | by_key(held.values())

    def _describe(self, held: Mapping[Removal, Instrument], known: Instruments) -> None:
        counts = Counter(removal.source for removal in held)
        totals = Counter(key.source for key in known)
        since = self._since and self._since.isoformat(timespec="seconds")
        self.held_back = {
            source: f"{count} of {totals[source]} tracked instruments are missing in the database since {since}: "
            "the last known ones are kept until an operator restores or accepts that"
            for source, count in sorted(counts.items())
        }
        if held.keys() - self._held.keys():
            log.warning(
                "tracked instruments are missing, keeping the last known ones",
                missing=len(held),
                of=len(known),
                sources={source.value: count for source, count in sorted(counts.items())},
                commands="ratewire instruments restore | accept",
            )

    def _end(self, held: Mapping[Removal, Instrument]) -> None:
        if self._held or held:
            why = "held back for long enough" if held else "returned, or removed by a command"
            log.warning("no tracked instruments are held back any more", given_up=len(held), why=why)
        self._held, self._moved, self.held_back = {}, set(), {}
