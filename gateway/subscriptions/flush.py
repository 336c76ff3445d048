"""Rounds of telling: whoever has news is told in one go, so that whatever is the same for many is made once."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any
from typing import Protocol as Role

from rates.clock import Clock


class FlushCycle:
    """What all that is told at one moment has in common."""

    __slots__ = ("_cursor", "_read_cursor", "at", "now", "number", "written")

    def __init__(self, number: int, at: float, now: datetime, read_cursor: Callable[[], str]) -> None:
        self.number = number
        self.at = at
        """On the loop's clock, seconds."""
        self.now = now
        self.written: dict[tuple[Any, ...], tuple[Any, Any]] = {}
        """What was written already, beside what it was written of."""
        self._read_cursor = read_cursor
        self._cursor: str | None = None

    @property
    def cursor(self) -> str:
        """Up to where everything is told, of which nothing is pending or withheld."""
        if self._cursor is None:
            self._cursor = self._read_cursor()
        return self._cursor


class Flushable(Role):
    """Who may have news."""

    def beat(self, moment: FlushCycle) -> None:
        """Tell what is due."""
        ...


class FlushScheduler:
    """A round begins when the message that brought the news has been applied whole; what came until then is told in it."""

    def __init__(self, clock: Clock, read_cursor: Callable[[], str]) -> None:
        self._clock = clock
        self._read_cursor = read_cursor
        self._stirred: list[Flushable] = []
        self._number = 0

    def moment(self) -> FlushCycle:
        """Now."""
        self._number += 1
        at = asyncio.get_running_loop().time()
        return FlushCycle(self._number, at, self._clock(), self._read_cursor)

    def add(self, hearer: Flushable) -> None:
        """Have it beat in the next round."""
        if not self._stirred:
            asyncio.get_running_loop().call_soon(self._go_round)
        self._stirred.append(hearer)

    def _go_round(self) -> None:
        stirred, self._stirred = self._stirred, []
        moment = self.moment()
        for hearer in stirred:
            hearer.beat(moment)
