"""Result slots: a bound on the results of one client that are computed and not written yet.

A client may run a thousand operations on one connection. Without a bound, one that reads nothing would make the gateway keep a
result of each.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextvars import ContextVar

MAX_UNWRITTEN = 16
"""Enough that a client that reads waits for none of them."""

current_slot: ContextVar["ResultSlot | None"] = ContextVar("current_slot", default=None)
"""The slot of the operation whose task runs, if its results are bounded."""


class ResultSlots:
    """The slots of one connection, first come, first served."""

    __slots__ = ("_free", "_waiting")

    def __init__(self, limit: int = MAX_UNWRITTEN) -> None:
        self._free = limit
        self._waiting: OrderedDict[Callable[[], None], None] = OrderedDict()

    @property
    def is_any_free(self) -> bool:
        return self._free > 0

    @property
    def waiting(self) -> int:
        """The operations that wait."""
        return len(self._waiting)

    def take(self) -> None:
        """Take one that is free."""
        assert self._free
        self._free -= 1

    def give_back(self) -> None:
        """Free one, and let those that wait take it."""
        self._free += 1
        while self._free and self._waiting:
            self._waiting.popitem(last=False)[0]()

    def wait(self, on_free: Callable[[], None]) -> None:
        """Call `on_free` when it is its turn: it takes a slot or leaves it to the next."""
        self._waiting[on_free] = None

    def stop_waiting(self, on_free: Callable[[], None]) -> None:
        """Do not call `on_free` any more.

        What has ended must not stay here: a client may start and stop operations for as long as it reads nothing.
        """
        self._waiting.pop(on_free, None)


class ResultSlot:
    """The slot of one operation, for one result at a time.

    Its task gives it back when that is written, and at its end.
    """

    __slots__ = ("_is_taken", "_slots")

    def __init__(self, slots: ResultSlots) -> None:
        self._slots = slots
        self._is_taken = False

    @property
    def is_available(self) -> bool:
        """Whether a result may be computed now."""
        return self._is_taken or self._slots.is_any_free

    def take(self) -> None:
        """Take the slot for a result: only if available."""
        if not self._is_taken:
            self._slots.take()
            self._is_taken = True

    def give_back(self) -> None:
        """Give the slot back, if it is taken."""
        if self._is_taken:
            self._is_taken = False
            self._slots.give_back()

    def wait(self, on_available: Callable[[], None]) -> None:
        """Call `on_available` when the slot may be taken."""
        self._slots.wait(on_available)

    def stop_waiting(self, on_available: Callable[[], None]) -> None:
        """Do not call `on_available` any more."""
        self._slots.stop_waiting(on_available)

    async def acquire(self) -> None:
        """Take the slot as soon as it is available."""
        if not self.is_available:
            available: asyncio.Future[None] = asyncio.get_running_loop().create_future()

            def on_available() -> None:
                if not available.done():
                    self.take()
                    available.set_result(None)

            self.wait(on_available)
            try:
                await available
            except asyncio.CancelledError:
                self.stop_waiting(on_available)
                self.give_back()
                raise
        self.take()
