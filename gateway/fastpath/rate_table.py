"""The encoded rates of one selection in columns, from which new lists are joined."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from operator import itemgetter
from typing import Any

from gateway.fastpath.encoded_rate import ENCODED_AGES, US_PER_MS, EncodedRate, encode_age
from gateway.queries.rate_reader import RateReader
from gateway.state.mirror import TickerSlot
from rates.clock import format_us
from rates.ticker import Ticker

Pick = Callable[[Any], Sequence[Any]]
ReadEncoded = Callable[[Ticker, datetime], EncodedRate]
# Memory of a rate in the columns, with its start, besides the bytes that are those of the encoded rate.
ROW_BYTES = 750
END = b"}"


class RateTable:
    """Encoded rates by slot. `starts` has the slots whose row is current.

    Covers selections with at most one age. Times are in microseconds since the Unix epoch.
    """

    def __init__(self, rates: RateReader, read_encoded: ReadEncoded, *, has_freshness: bool) -> None:
        self._rates = rates
        self._read_encoded = read_encoded
        self._has_freshness = has_freshness
        self._version = -1
        self._starts: dict[TickerSlot, bytes] = {}
        self._ends: dict[TickerSlot, bytes] = {}
        self._observed_us: dict[TickerSlot, int] = {}
        self._valid_after_us: dict[TickerSlot, int] = {}
        self._valid_until_us: dict[TickerSlot, int] = {}
        # Whether nothing but the end of the object follows the age. Then the starts begin with that of the rate before.
        self._ends_with_age = False
        # At least as late as any rate that is current. Later ones have no age yet.
        self._latest_us = 0
        self._part_count = 1
        self.weight = 0
        """Bytes that it takes, about."""

    def clear(self) -> None:
        """Drop all rows."""
        for column in (
            self._starts,
            self._ends,
            self._observed_us,
            self._valid_after_us,
            self._valid_until_us,
        ):
            column.clear()
        self.weight = self._latest_us = 0

    def encode(self, slots: Sequence[TickerSlot], now: datetime) -> bytes | None:
        """Return the list of the rates in these slots, or `None` if one is missing or has two ages."""
        if self._rates.version != self._version:
            self._drop_changed()
        now_us = format_us(now)
        pick = itemgetter(*slots) if len(slots) > 1 else _picker(slots[0])
        starts = self._pick_current(pick, now_us)
        if starts is None:
            if not self._encode_missing(slots, now, now_us):
                return None
            starts = pick(self._starts)
        if self._part_count == 1:
            return b"[%b%b]" % (starts[0][1:], b"".join(starts[1:]))
        ages = self._encode_ages(pick(self._observed_us), now_us)
        if self._ends_with_age:
            chunks = [b"}]"] * (2 * len(slots) + 1)
            chunks[:-1:2], chunks[1::2] = starts, ages
            chunks[0] = b"[" + starts[0][2:]
        else:
            chunks = [b"]"] * (3 * len(slots) + 1)
            chunks[:-1:3], chunks[1::3], chunks[2::3] = starts, ages, pick(self._ends)
            chunks[0] = b"[" + starts[0][1:]
        return b"".join(chunks)

    def _pick_current(self, pick: Pick, now_us: int) -> Sequence[bytes] | None:
        """Return the starts of the rows, or `None` if one is missing or its freshness has changed."""
        try:
            starts: Sequence[bytes] = pick(self._starts)
        except KeyError:
            return None
        if self._has_freshness and not (
            max(pick(self._valid_after_us)) < now_us <= min(pick(self._valid_until_us))
        ):
            return None
        return starts

    def _encode_ages(self, times_us: Sequence[int], now_us: int) -> list[bytes]:
        """Encode the ages, rounded up to whole milliseconds."""
        before_us = now_us + US_PER_MS - 1
        if self._latest_us <= now_us:
            with suppress(IndexError):
                return [ENCODED_AGES[(before_us - each) // US_PER_MS] for each in times_us]
        return [encode_age(now_us - each) for each in times_us]

    def _drop_changed(self) -> None:
        version = self._rates.version
        changed = self._rates.changed_slots(self._version)
        if changed is None:
            self._starts.clear()
        else:
            for slot in changed:
                self._starts.pop(slot, None)
        self._version = version

    def _encode_missing(self, slots: Sequence[TickerSlot], now: datetime, now_us: int) -> bool:
        """Encode the rates whose row is not current; return whether all are there."""
        for slot in slots:
            if slot in self._starts and (
                not self._has_freshness or self._valid_after_us[slot] < now_us <= self._valid_until_us[slot]
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
            self._latest_us = max(self._latest_us, encoded.observed_us)
            if self._has_freshness:
                self._valid_after_us[slot] = format_us(encoded.valid_after)
                self._valid_until_us[slot] = format_us(encoded.valid_until)
            self._ends_with_age = self._part_count == 2 and encoded.parts[-1] == END
            self._starts[slot] = END + encoded.with_comma if self._ends_with_age else encoded.with_comma
            self.weight = ROW_BYTES * len(self._ends)
        return True


def _picker(slot: TickerSlot) -> Pick:
    """Return a function that picks the row of one slot from a column."""
    return lambda column: (column[slot],)
