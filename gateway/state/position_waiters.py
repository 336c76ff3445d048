"""Waits for a source's position to reach a sequence number."""

import asyncio
from math import inf


class PositionWaiters:
    """The coroutines that wait for sequence numbers of one epoch.

    Those whose number is not reached yet cost nothing when the position advances.
    """

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], int] = {}
        self.lowest: float = inf
        """At most the lowest number waited for; `inf` if none is."""

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self, seq: int) -> None:
        """Return once the position has reached `seq`, or the epoch has ended.

        The caller bounds the wait.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lowest = min(seq, self.lowest)
        self._waiting[future] = seq
        try:
            await future
        finally:
            self._waiting.pop(future, None)

    def reach(self, seq: int) -> None:
        """Resume the coroutines that wait for `seq` or less."""
        if seq >= self.lowest:
            self._resume([future for future, wanted in self._waiting.items() if wanted <= seq])

    def end(self) -> None:
        """Resume all: the epoch has ended."""
        self._resume(list(self._waiting))

    def _resume(self, futures: list[asyncio.Future[None]]) -> None:
        for future in futures:
            del self._waiting[future]
            if not future.done():
                future.set_result(None)
        self.lowest = min(self._waiting.values(), default=inf)
