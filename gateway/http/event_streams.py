"""Event streams that carry many operations: the single connection mode of graphql-sse.

A client reserves a stream, opens it, and sends each operation in a request of its own. This module has no HTTP in it.
Link: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
"""

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing

from access.principal import ANONYMOUS, Principal
from gateway.budgets.account import Account
from gateway.budgets.open_stream import OpenSocket, OpenStream
from gateway.client_limits import ClientLimitReached, ClientLimits
from gateway.http.request_body import HttpError
from gateway.http.sse import frame_complete, frame_next
from gateway.http.stream import ResponseBody
from gateway.subscriptions.result_slots import ResultSlot, ResultSlots, current_slot

# A client opens its stream with the next request. Longer than a slow link needs for it.
RESERVATION_S = 10.0
MAX_ID_LENGTH = 256
TOKEN_BYTES = 24
# nginx finds the gateway of a stream by the beginning of its token.
_ROUTE = re.compile(r"[0-9a-f]{32}")

Results = AsyncGenerator[bytes, None]


class EventStream:
    """A reserved stream of one client and its operations, at most `max_running` at once.

    Operations start when the stream is open. Each has one result on the way: it computes the next once that is written. Of all
    operations, `MAX_UNWRITTEN` have a result on the way.
    """

    def __init__(
        self,
        limits: ClientLimits,
        address: str,
        max_running: int,
        *,
        principal: Principal,
        socket: OpenSocket,
    ) -> None:
        self._limits = limits
        self.socket = socket
        self.principal = principal
        """Who has reserved it."""
        self.address = address
        self._max_running = max_running
        self._running: dict[str, _Operation] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._body: ResponseBody | None = None
        self._slots = ResultSlots()
        self.is_opened = False
        self.expiry: asyncio.TimerHandle | None = None

    def check_free(self, operation: str) -> None:
        """Check that an operation may be added.

        Raises:
            HttpError: 409, its id is in use; 429, too many run.
        """
        if operation in self._running:
            raise HttpError(
                409, f"an operation {operation[:60]!r} is running on this stream: expected another id"
            )
        if len(self._running) >= self._max_running:
            raise HttpError(
                429,
                f"{self._max_running} operations are running on this stream, the limit: end one",
                {"retry-after": "1"},
            )

    def add(self, operation: str, results: Results, opened: OpenStream | None) -> None:
        """Write the results of an operation, now or once the stream is open.

        `opened` is its part of the budget, if it is a subscription.

        Raises:
            ClientLimitReached: too many subscriptions of the address or the process.
            HttpError: as `check_free`.
        """
        self.check_free(operation)
        if opened is not None:
            self._limits.subscriptions.take(self.address)
        self._running[operation] = added = _Operation(results, opened)
        if self._tasks is not None:
            added.task = self._tasks.create_task(self._write(operation, added))

    def stop(self, operation: str) -> None:
        """End an operation without a further event, if it runs."""
        stopped = self._running.get(operation)
        if stopped is not None:
            self._remove(operation, stopped)
            if stopped.task is not None:
                stopped.task.cancel()

    async def run(self, body: ResponseBody) -> None:
        """Write the results of all operations until cancelled.

        Raises:
            ExceptionGroup: of a `TimeoutError`, the client does not read.
        """
        self._body = body
        try:
            async with asyncio.TaskGroup() as self._tasks:
                for operation, waiting in list(self._running.items()):
                    waiting.task = self._tasks.create_task(self._write(operation, waiting))
                await asyncio.Event().wait()
        finally:
            self._tasks = None

    def close(self) -> None:
        """Forget all operations."""
        for operation in list(self._running):
            self.stop(operation)

    async def _write(self, operation: str, running: "_Operation") -> None:
        assert self._body is not None
        slot = ResultSlot(self._slots)
        try:
            if running.opened is not None:
                current_slot.set(slot)
            else:
                await slot.acquire()
            async with aclosing(running.results) as results:
                async for result in results:
                    await self._body.write(frame_next(operation, result))
                    slot.give_back()
            await self._body.write(frame_complete(operation))
        finally:
            slot.give_back()
            self._remove(operation, running)

    def _remove(self, operation: str, removed: "_Operation") -> None:
        """Remove an operation once, unless its id is of another one by now."""
        if self._running.get(operation) is removed:
            del self._running[operation]
            if removed.opened is not None:
                removed.opened.close()
                self._limits.subscriptions.release(self.address)


class _Operation:
    """An operation of a stream; without a task while the stream is not open."""

    def __init__(self, results: Results, opened: OpenStream | None) -> None:
        self.results = results
        self.opened = opened
        self.task: asyncio.Task[None] | None = None


class EventStreams:
    """The reserved and the open streams of a process, by their tokens.

    Each counts as a socket of its client's address from its reservation on.
    """

    def __init__(
        self, limits: ClientLimits, *, max_running: int, reservation_s: float = RESERVATION_S
    ) -> None:
        self._limits = limits
        self._max_running = max_running
        self._reservation_s = reservation_s
        self._streams: dict[str, EventStream] = {}

    def __len__(self) -> int:
        return len(self._streams)

    def reserve(
        self,
        address: str,
        account: Account,
        route: str | None = None,
        principal: Principal = ANONYMOUS,
    ) -> str:
        """Reserve a stream for a while, and return its token, which begins with `route`.

        Raises:
            ClientLimitReached: too many sockets of the address, the plan or the process.
        """
        self._limits.sockets.take(address)
        try:
            socket = OpenSocket(account)
        except ClientLimitReached:
            self._limits.sockets.release(address)
            raise
        prefix = route if route is not None and _ROUTE.fullmatch(route) else secrets.token_hex(16)
        token = f"{prefix}.{secrets.token_urlsafe(TOKEN_BYTES)}"
        stream = EventStream(self._limits, address, self._max_running, principal=principal, socket=socket)
        self._streams[token] = stream
        stream.expiry = asyncio.get_running_loop().call_later(self._reservation_s, self.end, token)
        return token

    def find(self, token: str) -> EventStream:
        """Return the stream of a token.

        Raises:
            HttpError: 404, there is none.
        """
        stream = self._streams.get(token)
        if stream is None:
            raise HttpError(
                404,
                f"no stream has this token: expected one that PUT returned, opened within {self._reservation_s:g} s",
            )
        return stream

    def holder_of(self, token: str) -> Principal | None:
        """Return who reserved the stream of a token; `None` if there is none, or it is open already."""
        stream = self._streams.get(token)
        return None if stream is None or stream.is_opened else stream.principal

    def open(self, token: str) -> EventStream:
        """Return the stream of a token, which is open until `end`.

        Raises:
            HttpError: 404, there is none; 409, it is open already.
        """
        stream = self.find(token)
        if stream.is_opened:
            raise HttpError(409, "the stream of this token is already open: expected a new token")
        stream.is_opened = True
        assert stream.expiry is not None
        stream.expiry.cancel()
        return stream

    def end(self, token: str) -> None:
        """End a reservation, and its stream if it was opened."""
        stream = self._streams.pop(token)
        stream.close()
        stream.socket.close()
        self._limits.sockets.release(stream.address)
