"""The time for which a connection reads nothing, because its client was refused."""

import asyncio


class ReadingPause:
    """At most one pause at a time."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: asyncio.Future[None] | None = None

    async def wait(self, seconds: float) -> None:
        """Wait for so long, or until `end`."""
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        timer = loop.call_later(seconds, self.end)
        try:
            await self._waiting
        finally:
            timer.cancel()
            self._waiting = None

    def end(self) -> None:
        """End the pause, if there is one."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
