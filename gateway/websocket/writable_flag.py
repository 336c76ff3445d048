"""Whether a socket can be written to, for those that wait until it can.

It takes the place of uvicorn's `asyncio.Event`, which takes 800 bytes for each connection although nobody waits.
"""

import asyncio


class WritableFlag:
    """A flag that is set at first. Waiters take memory only while they wait."""

    __slots__ = ("_is_set", "_waiters")

    def __init__(self) -> None:
        self._is_set = True
        self._waiters: list[asyncio.Future[None]] | None = None

    def is_set(self) -> bool:
        """Whether nobody has to wait."""
        return self._is_set

    def clear(self) -> None:
        """Have later callers of `wait` wait."""
        self._is_set = False

    def set(self) -> None:
        """Wake all that wait."""
        self._is_set = True
        waiters, self._waiters = self._waiters, None
        for each in waiters or ():
            if not each.done():
                each.set_result(None)

    async def wait(self) -> None:
        """Return once the flag is set."""
        if not self._is_set:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters = [*(self._waiters or ()), waiter]
            await waiter
