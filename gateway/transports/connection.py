"""One WebSocket connection: reads messages, runs their operations, writes what comes of them.

Everything that is written waits in one line for its turn, first come first served, so that a thousand subscriptions share a
socket fairly. A subscription goes on to its next event when the last one is written: while the socket is blocked, each holds
one event at most and everything newer is merged where it comes from (`gateway.subscribers`).
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import NamedTuple

import structlog
from graphql import GraphQLError
from starlette.types import Receive
from starlette.types import Send as AsgiSend

from gateway.operations import OperationKind, Operations, Refused
from gateway.request import GraphQLRequest
from gateway.schema.errors import present
from gateway.transports.effects import (
    INIT_TIMEOUT,
    INTERNAL_FAULT,
    STALLED,
    Close,
    Effect,
    Send,
    SocketProtocol,
    Start,
    Stop,
    clip_reason,
)

CLOSE_TIMEOUT_S = 2.0
IS_WRITABLE = "ratewire.is_writable"
"""Key of the scope's extensions under which a server may offer to say whether a write now would not wait."""

log = structlog.get_logger("ratewire.gateway.socket")


class Patience(NamedTuple):
    """Seconds: until a connection must be initialised, between signs of life (0: none), that one write may take."""

    init_s: float
    ping_s: float
    stall_s: float


class Gone(Exception):
    """The connection is over: nothing can be written to it."""


class Connection:
    """A connection that has been accepted. `is_writable` says whether a write now would not wait; without it all are timed."""

    def __init__(
        self,
        protocol: SocketProtocol,
        operations: Operations,
        patience: Patience,
        receive: Receive,
        send: AsgiSend,
        *,
        is_writable: Callable[[], bool] = lambda: False,
    ) -> None:
        self._protocol = protocol
        self._operations = operations
        self._patience = patience
        self._receive_event, self._send_event = receive, send
        self._is_writable = is_writable
        self._turn = asyncio.Lock()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    async def run(self) -> None:
        """Serve until either side closes."""
        try:
            async with asyncio.TaskGroup() as tasks:
                keeping_alive = tasks.create_task(self._keep_alive())
                try:
                    await self._read(tasks)
                finally:
                    self._closed = True
                    for task in (keeping_alive, *self._running.values()):
                        task.cancel()
        except Exception:
            # Outermost: whatever it is, the client gets a close code and the log the reason.
            log.exception("connection failed")
            self._closed = False
            await self.close(INTERNAL_FAULT, "Internal error")

    async def close(self, code: int, reason: str) -> None:
        """Close the socket, if it is open still. Waits no longer than `CLOSE_TIMEOUT_S`."""
        if self._closed:
            return
        self._closed = True
        closing = {"type": "websocket.close", "code": code, "reason": clip_reason(reason)}
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._send_event(closing)

    async def _read(self, tasks: asyncio.TaskGroup) -> None:
        try:
            async with asyncio.timeout(self._patience.init_s) as initialising:
                while not self._closed:
                    event = await self._receive_event()
                    if event["type"] != "websocket.receive":
                        return
                    for effect in self._protocol.receive(event.get("text")):
                        await self._carry_out(effect, tasks)
                    if self._protocol.acknowledged:
                        initialising.reschedule(None)
                    # Several messages may have come at once: others get the loop between two of them.
                    await asyncio.sleep(0)
        except TimeoutError:
            await self.close(INIT_TIMEOUT, "Connection initialisation timeout")
        except Gone:
            return

    async def _carry_out(self, effect: Effect, tasks: asyncio.TaskGroup) -> None:
        match effect:
            case Send(message):
                await self._send(message)
            case Start(operation, request):
                self._running[operation] = tasks.create_task(self._operate(operation, request))
            case Stop(operation):
                self._running.pop(operation).cancel()
            case Close(code, reason):
                await self.close(code, reason)

    async def _operate(self, operation: str, request: GraphQLRequest) -> None:
        """One operation from its first to its last message."""
        with suppress(Gone):
            await self._send(await self._answer(operation, request))
            # In the same step as the write: had the client ended it before, this task would have been cancelled.
            self._protocol.running.discard(operation)
            del self._running[operation]

    async def _answer(self, operation: str, request: GraphQLRequest) -> bytes:
        """Send all results; the message that is to be the last is returned."""
        protocol, operations = self._protocol, self._operations
        try:
            prepared = operations.prepare(request)
            if prepared.kind is OperationKind.SUBSCRIPTION:
                async with aclosing(await operations.stream(prepared)) as results:
                    async for result in results:
                        await self._send(protocol.format_result(operation, result))
            else:
                answer = await operations.answer(prepared)
                await self._send(protocol.format_result(operation, answer.body))
        except Refused as exc:
            return protocol.format_refusal(operation, exc.errors)
        except Gone:
            raise
        except Exception as exc:  # noqa: BLE001 - outermost of an operation: masked, logged, and the others go on
            error = present(GraphQLError(str(exc), original_error=exc))
            return protocol.format_refusal(operation, [dict(error.formatted)])
        return protocol.format_end(operation)

    async def _keep_alive(self) -> None:
        """Signs of life for clients and proxies. Nobody need answer: whether the client lives, WebSocket's own pings tell."""
        with suppress(Gone):
            while self._patience.ping_s:
                await asyncio.sleep(self._patience.ping_s)
                if self._protocol.acknowledged:
                    await self._send(self._protocol.keep_alive)

    async def _send(self, message: bytes) -> None:
        """Write when it is this message's turn and the reader takes it.

        Raises:
            Gone: it never will.
        """
        async with self._turn:
            if self._closed:
                raise Gone
            event = {"type": "websocket.send", "text": message.decode()}
            try:
                if self._is_writable():
                    # It does not wait, so that it needs no timer.
                    await self._send_event(event)
                    return
                async with asyncio.timeout(self._patience.stall_s):
                    await self._send_event(event)
            except TimeoutError as exc:
                reason = f"stalled: nothing was read for {self._patience.stall_s:g} s"
                log.info("connection stalled, closed", reason="write blocked", operations=len(self._running))
                await self.close(STALLED, reason)
                raise Gone from exc
            except OSError as exc:
                raise Gone from exc
