"""The encoded rates of one selection in columns, from which new lists are joined."""

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from gateway.fastpath.encoded_rate import US_PER_MS, EncodedRate, encode_age
from gateway.fastpath.list_template import ENCODED_AGES
from gateway.queries.rate_reader import RateReader
from gateway.state.mirror import TickerSlot
from rates.clock import format_us
from rates.ticker import Ticker

Pick = Callable[[Any], Sequence[Any]]
ReadEncoded = Callable[[Ticker, datetime], EncodedRate]
MAX_AGE_US = US_PER_MS * len(ENCODED_AGES)
# Memory of a rate in the columns, besides the bytes, which are those of the encoded rate.
ROW_BYTES = 500


class RateTable:
    """Encoded rates by slot. `starts` has the slots whose row is current.

    Covers selections with at most one age.
    """

    def __init__(self, rates: RateReader, read_encoded: ReadEncoded, *, has_freshness: bool) -> None:
        self._rates = rates
        self._read_encoded = read_encoded
        self._has_freshness = has_freshness
        self._version = -1
        self._starts: dict[TickerSlot, bytes] = {}
        self._ends: dict[TickerSlot, bytes] = {}
        self._observed_us: dict[TickerSlot, int] = {}
        self._valid_after: dict[TickerSlot, datetime] = {}
        self._valid_until: dict[TickerSlot, datetime] = {}
        self._part_count = 1
        self.weight = 0
        """Bytes that it takes, about."""

    def clear(self) -> None:
        """Drop all rows."""
        for column in (
            self._starts,
            self._ends,
            self._observed_us,
            self._valid_after,
            self._valid_until,
        ):
            column.clear()
        self.weight = 0

    def encode(self, slots: Sequence[TickerSlot], now: datetime) -> bytes | None:
        """Return the list of the rates in these slots, or `None` if one is missing or has two ages."""
        self._drop_changed()
        pick = _picker(slots)
        starts = self._pick_current(pick, now)
        if starts is None:
            if not self._encode_missing(slots, now):
                return None
            starts = pick(self._starts)
        first = b"[" + starts[0][1:]
        if self._part_count == 1:
            return b"%b%b]" % (first, b"".join(starts[1:]))
        chunks = [b"]"] * (3 * len(slots) + 1)
        chunks[:-1:3] = starts
        chunks[0] = first
        chunks[1::3] = self._encode_ages(pick, format_us(now))
        chunks[2::3] = pick(self._ends)
        return b"".join(chunks)

    def _pick_current(self, pick: Pick, now: datetime) -> Sequence[bytes] | None:
        """Return the starts of the rows, or `None` if one is missing or its freshness has changed."""
        try:
            starts: Sequence[bytes] = pick(self._starts)
        except KeyError:
            return None
        if self._has_freshness and not (max(pick(self._valid_after)) < now <= min(pick(self._valid_until))):
            return None
        return starts

    def _encode_ages(self, pick: Pick, now_us: int) -> list[bytes]:
        """Encode the ages, rounded up to whole milliseconds."""
        times = pick(self._observed_us)
        before_us = now_us + US_PER_MS - 1
        if min(times) <= before_us - MAX_AGE_US or max(times) > now_us:
            return [encode_age(now_us - each) for each in times]
        return [ENCODED_AGES[(before_us - each) // US_PER_MS] for each in times]

    def _drop_changed(self) -> None:
        version = self._rates.version
        if version == self._version:
            return
        changed = self._rates.changed_slots(self._version)
        if changed is None:
            self._starts.clear()
        else:
            for slot in changed:
                self._starts.pop(slot, None)
        self._version = version

    def _encode_missing(self, slots: Sequence[TickerSlot], now: datetime) -> bool:
        """Encode the rates whose row is not current; return whether all are there."""
        for slot in slots:
            if slot in self._starts and (
                not self._has_freshness or self._valid_after[slot] < now <= self._valid_until[slot]
            ):
                continue
            ticker = slot.ticker
            if ticker is None:
                return False
            encoded = self._read_encoded(ticker, now)
            self._part_count = len(encoded.parts)
            if self._part_count > 2:
                return False
            self._ends[slot] = encoded.parts[-1]
            self._observed_us[slot] = encoded.observed_us
            self._valid_after[slot], self._valid_until[slot] = encoded.valid_after, encoded.valid_until
            self._starts[slot] = encoded.with_comma
            self.weight = ROW_BYTES * len(self._ends)
        return True


def _picker(slots: Sequence[TickerSlot]) -> Pick:
    """Return a function that picks the rows of these slots from a column."""
    if len(slots) == 1:
        (slot,) = slots
        return lambda column: (column[slot],)
    return itemgetter(*slots)
