"""Descriptions of the schema, computed in a thread of their own, one at a time, and cached.

The schema never changes, so nothing that the event loop writes is read there.
"""

import asyncio
import json
from collections.abc import Callable

from gateway.cache_limits import (
    MAX_CACHED_DOCUMENT,
    MAX_INTROSPECTIONS,
    MAX_INTROSPECTIONS_BYTES,
    SEEN_KEYS,
)
from gateway.lru import BoundedLru, SecondSight
from gateway.request import GraphQLRequest
from gateway.results import QueryResult


class Introspection:
    """Answers operations that only describe the schema.

    Waiting operations are bounded by the limits of their clients. Equal ones share one execution.
    """

    def __init__(self) -> None:
        self._results: BoundedLru[str, QueryResult] = BoundedLru(
            size=MAX_INTROSPECTIONS,
            weight=MAX_INTROSPECTIONS_BYTES,
            weigh=lambda key, result: 4 * len(key) + len(result.body),
        )
        self._seen = SecondSight(SEEN_KEYS)
        self._running: dict[str, asyncio.Task[QueryResult]] = {}
        self._turn = asyncio.Lock()

    async def answer(self, request: GraphQLRequest, execute: Callable[[], QueryResult]) -> QueryResult:
        """Return the result of an operation.

        `execute` computes it in another thread if it is not cached.
        """
        key = json.dumps((request.query, request.operation_name, request.variables), sort_keys=True)
        if result := self._results.get(key):
            return result
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = asyncio.create_task(self._run(execute))
            running.add_done_callback(lambda _: self._running.pop(key))
        # A client that leaves ends the execution for none of the others.
        result = await asyncio.shield(running)
        if len(key) <= MAX_CACHED_DOCUMENT and self._seen.admits(key):
            self._results.put(key, result)
        return result

    async def _run(self, execute: Callable[[], QueryResult]) -> QueryResult:
        async with self._turn:
            return await asyncio.to_thread(execute)
