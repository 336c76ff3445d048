"""One WebSocket connection: reads messages, runs their operations, writes what comes of them.

What live questions have to tell is handed to the connection by those who know it (`gateway.subscriptions.cohort`), without a task for each
subscription: while the socket is blocked, everything newer is merged where it comes from (`gateway.subscriptions.conflation`). Other
operations have a task each.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing, suppress
from typing import Any, NamedTuple
from typing import Protocol as Role

import structlog
from graphql import GraphQLError
from starlette.types import Receive
from starlette.types import Send as AsgiSend

from gateway.operations import OperationKind, OperationRejected, Operations, PreparedOperation, format_failure
from gateway.request import GraphQLRequest
from gateway.schema.errors import to_public_error
from gateway.websocket.asgi_writer import AsgiWriter
from gateway.websocket.subprotocol import (
    INIT_TIMEOUT,
    INTERNAL_FAULT,
    STALLED,
    Close,
    Effect,
    Send,
    Start,
    Stop,
    Subprotocol,
    clip_reason,
)
from gateway.websocket.subscriber import WebSocketSubscriber
from gateway.websocket.timeouts import SharedTimeouts
from gateway.websocket.write_queue import ConnectionGone, FrameWriter, WriteQueue

CLOSE_TIMEOUT_S = 2.0

log = structlog.get_logger("ratewire.gateway.socket")


class Timeouts(NamedTuple):
    """Seconds until a connection must be initialised, and that one write may take; `signs` rings twice between two signs of life."""

    init_s: float
    stall_s: float
    signs: "SharedTimeouts[Connection]"


class Cancellable(Role):
    """An operation that can be ended."""

    def cancel(self) -> object:
        """End it: not a word more."""
        ...


class Connection:
    """A connection that has been accepted. It writes to `sink`, or with `send` where a server offers none."""

    def __init__(
        self,
        protocol: Subprotocol,
        operations: Operations,
        patience: Timeouts,
        receive: Receive,
        send: AsgiSend,
        *,
        sink: FrameWriter | None = None,
    ) -> None:
        self._protocol = protocol
        self._operations = operations
        self._patience = patience
        self._receive_event, self._send_event = receive, send
        self._asgi = None
        if sink is None:
            sink = self._asgi = AsgiWriter(send)
        self._line = WriteQueue(sink, stall_s=patience.stall_s, on_stalled=self._end_stalled)
        self._running: dict[str, Cancellable] = {}
        self._is_silent = True
        self._closed = False

    async def run(self) -> None:
        """Serve until either side closes."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                sending = tasks.create_task(self._asgi.run()) if self._asgi else None
                self._patience.signs.begin(self)
                try:
                    await self._read()
                finally:
                    self._closed = True
                    self._end_all()
                    if sending:
                        sending.cancel()
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
        self._end_all()
        closing = {"type": "websocket.close", "code": code, "reason": clip_reason(reason)}
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._send_event(closing)

    def _end_all(self) -> None:
        """Nothing more is told or written."""
        self._patience.signs.end(self)
        running, self._running = self._running, {}
        for each in running.values():
            each.cancel()
        self._line.close()

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self._patience.init_s) as initialising:
                while not self._closed:
                    event = await self._receive_event()
                    if event["type"] != "websocket.receive":
                        return
                    for effect in self._protocol.receive(event.get("text")):
                        await self._carry_out(effect)
                    if self._protocol.acknowledged:
                        initialising.reschedule(None)
                    # Several messages may have come at once: others get the loop between two of them.
                    await asyncio.sleep(0)
        except TimeoutError:
            await self.close(INIT_TIMEOUT, "Connection initialisation timeout")
        except ConnectionGone:
            return

    async def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Send(message):
                await self._line.send(message)
            case Start(operation, request):
                self._start(operation, request)
            case Stop(operation):
                self._running.pop(operation).cancel()
            case Close(code, reason):
                await self.close(code, reason)

    def _start(self, operation: str, request: GraphQLRequest) -> None:
        try:
            prepared = self._operations.prepare(request)
            is_followed = prepared.watch is not None and self._follow(operation, prepared)
        except Exception as exc:  # noqa: BLE001 - outermost of an operation: masked, logged, and the others go on
            self._run(operation, self._say_last(operation, self._format_refusal(operation, exc)))
            return
        if not is_followed:
            self._run(operation, self._operate(operation, prepared))

    def _follow(self, operation: str, prepared: PreparedOperation) -> bool:
        """Have the results of a subscription handed over; `False` if this one has to be asked for each."""
        envelope = self._protocol.envelope(operation)
        reader = WebSocketSubscriber(self._line, envelope, lambda exc: self._break_off(operation, exc))
        self._running[operation] = reader
        followed = self._operations.follow(prepared, reader)
        if followed is not None and followed.resuming:
            reader.resuming = self._tasks.create_task(reader.resume(followed.resuming))
        return followed is not None

    def _run(self, operation: str, work: Coroutine[Any, Any, None]) -> None:
        self._running[operation] = self._tasks.create_task(work)

    async def _operate(self, operation: str, prepared: PreparedOperation) -> None:
        """One operation from its first to its last message."""
        with suppress(ConnectionGone):
            await self._say_last(operation, await self._answer(operation, prepared))

    async def _say_last(self, operation: str, message: bytes) -> None:
        with suppress(ConnectionGone):
            await self._line.send(message)
            # In the same step as the write: had the client ended it before, this task would have been cancelled.
            self._protocol.running.discard(operation)
            del self._running[operation]

    async def _answer(self, operation: str, prepared: PreparedOperation) -> bytes:
        """Send all results; the message that is to be the last is returned."""
        protocol, operations = self._protocol, self._operations
        try:
            if prepared.kind is OperationKind.SUBSCRIPTION:
                async with aclosing(await operations.stream(prepared)) as results:
                    async for result in results:
                        await self._line.send(protocol.format_result(operation, result))
            else:
                answer = await operations.answer(prepared)
                await self._line.send(protocol.format_result(operation, answer.body))
        except ConnectionGone:
            raise
        except Exception as exc:  # noqa: BLE001 - outermost of an operation: masked, logged, and the others go on
            return self._format_refusal(operation, exc)
        return protocol.format_end(operation)

    def _format_refusal(self, operation: str, failure: Exception) -> bytes:
        if isinstance(failure, OperationRejected):
            return self._protocol.format_refusal(operation, failure.errors)
        error = to_public_error(GraphQLError(str(failure), original_error=failure))
        return self._protocol.format_refusal(operation, [dict(error.formatted)])

    def _break_off(self, operation: str, failure: Exception) -> None:
        """What was handed over cannot be any more: the last result says why."""
        if not self._closed:
            self._run(operation, self._say_failure(operation, format_failure(failure)))

    async def _say_failure(self, operation: str, result: bytes) -> None:
        with suppress(ConnectionGone):
            await self._line.send(self._protocol.format_result(operation, result))
            await self._say_last(operation, self._protocol.format_end(operation))

    def give_sign(self) -> None:
        """A sign of life for clients and proxies, where half of the time between two has passed; what was said meanwhile is one as
        well. Nobody need answer: whether the client lives, WebSocket's own pings tell.
        """
        self._patience.signs.begin(self)
        line = self._line
        if self._protocol.demands_keep_alive:
            self._is_silent = not self._is_silent
        else:
            self._is_silent, line.has_spoken = not line.has_spoken, False
        # Whoever reads nothing would not see it.
        if self._is_silent and self._protocol.acknowledged and line.is_free:
            line.write(self._protocol.keep_alive)

    def _end_stalled(self) -> None:
        self._tasks.create_task(self._close_stalled())

    async def _close_stalled(self) -> None:
        reason = f"stalled: nothing was read for {self._patience.stall_s:g} s"
        log.info("connection stalled, closed", reason="write blocked", operations=len(self._running))
        await self.close(STALLED, reason)
