"""Pending requests of one connection, matched with responses by id. Owns no socket."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.sources.binance.messages import ApiResponse
from rates.errors import SourceError


class PendingRequests:
    """Times are monotonic seconds."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[ApiResponse]] = {}
        # Ids are unique within a process, so that a late response on an old connection matches no request.
        self._ids = itertools.count(1)
        self._silent_since: float | None = None

    @contextmanager
    def register(self, now: float) -> Iterator[tuple[int, asyncio.Future[ApiResponse]]]:
        """Register a request.

        Yields its id and the future response; on exit the request is forgotten.
        """
        number = next(self._ids)
        response: asyncio.Future[ApiResponse] = asyncio.get_running_loop().create_future()
        self._waiting[number] = response
        if self._silent_since is None:
            self._silent_since = now
        try:
            yield number, response
        finally:
            self._waiting.pop(number, None)
            response.cancel()

    def resolve(self, response: ApiResponse) -> bool:
        """Match a response with its request.

        Returns false if there is none: late, repeated or unknown.
        """
        self._silent_since = None
        waiting = self._waiting.get(response.id) if isinstance(response.id, int) else None
        if waiting is None or waiting.done():
            return False
        waiting.set_result(response)
        return True

    def fail_all(self, error: SourceError) -> None:
        """Fail all requests, because the connection is lost."""
        self._silent_since = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)

    def silence_s(self, now: float) -> float:
        """Return the seconds since a request without any later response, 0 if none is open."""
        return 0.0 if self._silent_since is None else now - self._silent_since
