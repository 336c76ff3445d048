"""Streams over HTTP, no faster than the client reads, until it disconnects or stalls."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, NamedTuple, Protocol

import structlog
from starlette.types import Receive, Scope, Send

from access.principal import ANONYMOUS, Principal
from gateway.client_connections import ClientConnections, Ending
from gateway.http.negotiation import MediaType
from gateway.http.response import VARY
from gateway.keyed_connections import KeyedConnections
from gateway.schema.context import OperationMetadata

# Scope extension that aborts the connection of a client that does not read: a graceful close would wait for it for ever.
ABORT = "ratewire.abort"
CLOSE_TIMEOUT_S = 1.0

log = structlog.get_logger("ratewire.gateway.streaming")


class HttpExchange(NamedTuple):
    """One HTTP request in ASGI terms, and who sent it."""

    scope: Scope
    receive: Receive
    send: Send
    principal: Principal = ANONYMOUS


class Framing(Protocol):
    """The encoding of results in one kind of stream."""

    media_type: MediaType
    content_type: str
    opening: bytes
    heartbeat: bytes
    complete: bytes
    interrupted: bytes

    @staticmethod
    def frame(result: bytes, cursor: str | None) -> bytes: ...


class Streams:
    """Serves streams, each of which is one of `connections` while it is open."""

    def __init__(
        self,
        connections: ClientConnections,
        keyed_connections: KeyedConnections,
        *,
        heartbeat_s: float,
        stall_timeout_s: float,
    ) -> None:
        self._connections = connections
        self._keyed_connections = keyed_connections
        self._heartbeat_s = heartbeat_s
        self._stall_timeout_s = stall_timeout_s

    async def serve(
        self,
        framing: Framing,
        write: Callable[["ResponseBody"], Coroutine[Any, Any, None]],
        client: HttpExchange,
    ) -> None:
        """Write the response head and what `write` has, until that or the stream ends.

        Raises:
            Unauthenticated, AccessUnavailable: the client's key does not count any more.
        """
        body = ResponseBody(client.send, self._stall_timeout_s)
        stream = _OpenStream(client.principal)
        self._keyed_connections.add(stream)
        self._connections.add(stream)
        try:
            await body.open(framing)
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(write(body))
                stream.start(writing)
                watching = [
                    tasks.create_task(_wait_for_disconnect(client.receive)),
                    tasks.create_task(_send_heartbeats(framing.heartbeat, body, self._heartbeat_s)),
                ]
                await asyncio.wait([writing, *watching], return_when=asyncio.FIRST_COMPLETED)
                is_interrupted = stream.is_ended or not writing.done()
                for task in (writing, *watching):
                    task.cancel()
            async with asyncio.timeout(CLOSE_TIMEOUT_S if is_interrupted else self._stall_timeout_s):
                await body.end(framing.interrupted if is_interrupted else framing.complete)
        except* TimeoutError:
            log.warning("stream ended: its client reads nothing", seconds=self._stall_timeout_s)
            _abort(client.scope)
        finally:
            self._connections.discard(stream)
            self._keyed_connections.discard(stream)


class _OpenStream:
    """A stream that can be ended in the middle."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self._writing: asyncio.Task[None] | None = None
        self.is_ended = False

    def start(self, writing: asyncio.Task[None]) -> None:
        """Set the task that writes the events."""
        self._writing = writing
        if self.is_ended:
            writing.cancel()

    async def end(self, _ending: Ending) -> None:
        """Interrupt the stream, so that its client reconnects."""
        self.is_ended = True
        if self._writing is not None:
            self._writing.cancel()


class ResponseBody:
    """The response body. Writes wait for the client, but not longer than `timeout_s`."""

    def __init__(self, send: Send, timeout_s: float) -> None:
        self._send = send
        self._timeout_s = timeout_s
        self._lock = asyncio.Lock()
        self.written = 0

    async def open(self, framing: Framing) -> None:
        headers = {
            "content-type": framing.content_type,
            "cache-control": "no-cache",
            "vary": VARY,
            # Without it nginx buffers events.
            "x-accel-buffering": "no",
        }
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": pairs})
        await self.write(framing.opening)

    async def write(self, data: bytes) -> None:
        """Write bytes as soon as the client has read enough.

        Raises:
            TimeoutError: the client did not read for too long.
        """
        async with self._lock, asyncio.timeout(self._timeout_s):
            self.written += 1
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    @property
    def is_busy(self) -> bool:
        return self._lock.locked()


async def write_results(
    framing: Framing, results: AsyncGenerator[bytes, None], metadata: OperationMetadata, body: ResponseBody
) -> None:
    """Write the results of one operation."""
    # The next result is computed once the last one is written: meanwhile newer values replace older ones without a queue.
    async with aclosing(results):
        async for result in results:
            await body.write(framing.frame(result, metadata.cursor))


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_heartbeats(heartbeat: bytes, body: ResponseBody, interval_s: float) -> None:
    """Write a heartbeat after each silent interval, because proxies drop idle connections."""
    while True:
        written = body.written
        await asyncio.sleep(interval_s)
        if body.written == written and not body.is_busy:
            await body.write(heartbeat)


def _abort(scope: Scope) -> None:
    abort: Callable[[], None] | None = scope.get("extensions", {}).get(ABORT)
    if abort is not None:
        abort()
