"""Streams over HTTP: one result at a time, no faster than the client reads, until it leaves, stalls, or the server stops."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import NamedTuple, Protocol

import structlog
from starlette.types import Receive, Scope, Send

from gateway.http.negotiation import MediaType
from gateway.schema.context import OperationMetadata

# Where the HTTP server leaves a way to end a connection whose client reads nothing: a polite end would wait for it for ever.
ABORT = "ratewire.abort"
CLOSE_TIMEOUT_S = 1.0

log = structlog.get_logger("ratewire.gateway.streaming")


class HttpExchange(NamedTuple):
    """One request's client, as ASGI gives it."""

    scope: Scope
    receive: Receive
    send: Send


class Framing(Protocol):
    """How results become bytes of one kind of stream."""

    media_type: MediaType
    content_type: str
    opening: bytes
    heartbeat: bytes
    complete: bytes
    interrupted: bytes

    @staticmethod
    def frame(result: bytes, cursor: str | None) -> bytes: ...


class Streams:
    """The streams that are open, and how they end."""

    def __init__(self, *, heartbeat_s: float, stall_timeout_s: float) -> None:
        self._heartbeat_s = heartbeat_s
        self._stall_timeout_s = stall_timeout_s
        self._writers: set[asyncio.Task[None]] = set()
        self.is_closing = False

    async def close(self) -> None:
        """End all streams in the middle, so that clients come back, to another replica or to the next start."""
        self.is_closing = True
        for task in self._writers:
            task.cancel()

    async def serve(
        self,
        framing: Framing,
        results: AsyncGenerator[bytes, None],
        metadata: OperationMetadata,
        client: HttpExchange,
    ) -> None:
        """Write `results` to the client, the head of the response included. Returns when nothing more will be written."""
        body = _ResponseBody(client.send, self._stall_timeout_s)
        try:
            await body.open(framing)
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(_write(framing, results, metadata, body))
                self._writers.add(writing)
                writing.add_done_callback(self._writers.discard)
                if self.is_closing:
                    writing.cancel()
                watching = [
                    tasks.create_task(_wait_for_disconnect(client.receive)),
                    tasks.create_task(_send_heartbeats(framing.heartbeat, body, self._heartbeat_s)),
                ]
                await asyncio.wait([writing, *watching], return_when=asyncio.FIRST_COMPLETED)
                is_interrupted = self.is_closing or not writing.done()
                for task in (writing, *watching):
                    task.cancel()
            async with asyncio.timeout(CLOSE_TIMEOUT_S if is_interrupted else self._stall_timeout_s):
                await body.end(framing.interrupted if is_interrupted else framing.complete)
        except* TimeoutError:
            log.warning("stream ended: its client reads nothing", seconds=self._stall_timeout_s)
            _abort(client.scope)


class _ResponseBody:
    """The response body. Writing waits for the client, but not for ever."""

    def __init__(self, send: Send, timeout_s: float) -> None:
        self._send = send
        self._timeout_s = timeout_s
        self._lock = asyncio.Lock()
        self.written = 0

    async def open(self, framing: Framing) -> None:
        headers = {
            "content-type": framing.content_type,
            "cache-control": "no-cache",
            "vary": "Accept",
            # Without it nginx collects events before it hands them on.
            "x-accel-buffering": "no",
        }
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": pairs})
        await self.write(framing.opening)

    async def write(self, data: bytes) -> None:
        """Hand on the bytes as soon as the client has room for them.

        Raises:
            TimeoutError: it made none for too long.
        """
        async with self._lock, asyncio.timeout(self._timeout_s):
            self.written += 1
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    @property
    def is_busy(self) -> bool:
        return self._lock.locked()


async def _write(
    framing: Framing, results: AsyncGenerator[bytes, None], metadata: OperationMetadata, body: _ResponseBody
) -> None:
    # The next result is made when the last one is on its way: meanwhile its values are replaced by newer ones, not queued.
    async with aclosing(results):
        async for result in results:
            await body.write(framing.frame(result, metadata.cursor))


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_heartbeats(heartbeat: bytes, body: _ResponseBody, interval_s: float) -> None:
    """A sign of life whenever nothing was written for the interval, for proxies and clients that give up on silence."""
    while True:
        written = body.written
        await asyncio.sleep(interval_s)
        if body.written == written and not body.is_busy:
            await body.write(heartbeat)


def _abort(scope: Scope) -> None:
    abort: Callable[[], None] | None = scope.get("extensions", {}).get(ABORT)
    if abort is not None:
        abort()
