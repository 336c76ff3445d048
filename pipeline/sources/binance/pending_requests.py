"""Questions under way on one connection, matched with answers by id alone: their order says nothing. Owns no socket."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.sources.binance.messages import ApiResponse
from rates.errors import SourceError


class PendingRequests:
    """Times are in seconds of any steady clock."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[ApiResponse]] = {}
        # Never used twice in a process, so that a late answer of an old connection meets nobody.
        self._ids = itertools.count(1)
        self._silent_since: float | None = None

    @contextmanager
    def ask(self, now: float) -> Iterator[tuple[int, asyncio.Future[ApiResponse]]]:
        """An id for a question and the answer to come; after the block nobody waits for it any more."""
        number = next(self._ids)
        answer: asyncio.Future[ApiResponse] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        if self._silent_since is None:
            self._silent_since = now
        try:
            yield number, answer
        finally:
            self._waiting.pop(number, None)
            answer.cancel()

    def settle(self, answer: ApiResponse) -> bool:
        """Hand an answer to whoever asked; false when nobody waits for it (late, repeated or never asked)."""
        self._silent_since = None
        waiting = self._waiting.get(answer.id) if isinstance(answer.id, int) else None
        if waiting is None or waiting.done():
            return False
        waiting.set_result(answer)
        return True

    def abandon(self, error: SourceError) -> None:
        """The connection is gone: nobody gets an answer."""
        self._silent_since = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)

    def silent_for(self, now: float) -> float:
        """Seconds since a question without a single answer after it, of whatever id; 0 where none is open."""
        return 0.0 if self._silent_since is None else now - self._silent_since
