"""The rates of one question in one selection, kept joined until one of them moves."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from gateway.fragments.fragment import EARLIEST, LATEST, Fragment
from gateway.fragments.shelf import OVERHEAD_BYTES, Shelf
from gateway.fragments.writing import join_list
from gateway.mirror import Cell
from gateway.rate import Rate
from rates.clock import format_us
from rates.ticker import Ticker

Present = Callable[[Ticker, datetime], Rate]


class Listing:
    """`cells` are where the mirror keeps what the question means; all of them must have been seen."""

    def __init__(self, cells: Sequence[Cell], shelf: Shelf, present: Present) -> None:
        self._cells = cells
        self._present = present
        self._fragments: list[Fragment] = []
        self._moves = -1
        self._now = EARLIEST
        self._after, self._until = LATEST, EARLIEST
        self._text = b""
        self._fresh_until: datetime | None = None
        self.shelf = shelf
        self.weight = 0
        """Bytes that it takes, about."""

    @property
    def text(self) -> bytes:
        """The list as it stood when it was refreshed."""
        if not self.shelf.tells_age:
            return self._text
        now_us = format_us(self._now)
        return join_list([each.write(now_us) for each in self._fragments])

    @property
    def good_for(self) -> timedelta | None:
        """How long all of them stay fresh; `None` where there are none."""
        if not self._fragments:
            return None
        if self._fresh_until is None:
            self._fresh_until = min(
                self._present(each.ticker, self._now).expires_at for each in self._fragments
            )
        return self._fresh_until - self._now

    def refresh(self, moves: int, now: datetime) -> bool:
        """Make it tell of now; equal `moves` mean that no rate is another. `False`: something has not been seen yet."""
        self._now = now
        if moves == self._moves and self._after < now <= self._until:
            return True
        fragments = self._read(now)
        if fragments is None:
            return False
        self._fragments = fragments
        self._after = max((each.after for each in fragments), default=EARLIEST)
        self._until = min((each.until for each in fragments), default=LATEST)
        self._moves, self._fresh_until = moves, None
        if not self.shelf.tells_age:
            self._text = join_list([each.parts[0] for each in fragments])
        # The fragments may be all that is left of a shelf that had to go.
        self.weight = OVERHEAD_BYTES * (1 + len(fragments)) + len(self._text)
        return True

    def _read(self, now: datetime) -> list[Fragment] | None:
        known: Sequence[Fragment | None] = self._fragments or [None] * len(self._cells)
        fragments = []
        for cell, fragment in zip(self._cells, known, strict=True):
            ticker = cell.ticker
            if ticker is None:
                return None
            if fragment is None or not fragment.holds(ticker, now):
                fragment = self.shelf.read(self._present(ticker, now))  # noqa: PLW2901 - the one before is over
            fragments.append(fragment)
        return fragments
