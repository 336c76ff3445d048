"""The pace of refusals to a client that goes on although its budget is spent.

A client gets its refusals in slots, from however many connections it asks. A connection waits for the slot of its refusal, so the
client costs a small part of the core and not what it sends.
"""

import asyncio
import time
from collections.abc import Callable

# Refusals a second of one client, while those that wait are few.
PER_S = 100
# Each connection waits at least so long, and at most so long. More connections than slots within this time share it evenly.
LEAST_PAUSE_S, MOST_PAUSE_S = 0.1, 5.0


class RefusalPace:
    """The slots of one client."""

    __slots__ = ("_last_s", "_now_s")

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._last_s = 0.0

    def take(self) -> float:
        """Take the next slot. Return for how many seconds the connection that asked is not read."""
        now_s = self._now_s()
        slot_s = max(self._last_s + 1 / PER_S, now_s)
        if slot_s > now_s + MOST_PAUSE_S:
            # Anew from the beginning: clients would give up before a later slot.
            slot_s = now_s
        self._last_s = slot_s
        return max(slot_s - now_s, LEAST_PAUSE_S)

    async def wait_if_behind(self) -> None:
        """Take the next slot, and wait for it unless it is near.

        About ten refusals at once come without delay.
        """
        pause_s = self.take()
        if pause_s > LEAST_PAUSE_S:
            await asyncio.sleep(pause_s)

    @property
    def is_behind(self) -> bool:
        """Whether more refusals wait than the client gets at once."""
        return self._last_s - self._now_s() > LEAST_PAUSE_S
