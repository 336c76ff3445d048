"""A WebSocket connection: reads messages, runs their operations, writes the results.

Cohorts (`gateway.subscriptions.cohort`) push the results of live queries, without a task per subscription. While the socket is
blocked, their updates are conflated (`gateway.subscriptions.conflation`). Other operations have a task each.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing, suppress
from typing import Any, NamedTuple
from typing import Protocol as Role

import structlog
from graphql import GraphQLError
from starlette.types import Receive, Scope
from starlette.types import Send as AsgiSend

from access.principal import ANONYMOUS, Principal
from gateway.admission import Admission
from gateway.authentication import check_scopes
from gateway.budgets.account import Account
from gateway.budgets.account_registry import REFUSAL_PAUSE_S
from gateway.budgets.client_accounts import ClientAccounts
from gateway.budgets.open_stream import OpenSocket, OpenStream, PlanLimitReached
from gateway.budgets.points_wait import POINTS_WAIT_S, retry_with_points
from gateway.client_connections import Ending
from gateway.client_limits import ClientLimitReached
from gateway.operations import Operations
from gateway.preparation import OperationKind, OperationRejected, PreparedOperation
from gateway.request import GraphQLRequest
from gateway.results import encode_error
from gateway.schema.context import OperationMetadata
from gateway.schema.errors import describe_error, to_public_error
from gateway.subscriptions.pull import current_client
from gateway.subscriptions.result_slots import ResultSlot, ResultSlots, current_slot
from gateway.turn_budget import TurnBudget
from gateway.websocket.asgi_writer import AsgiWriter
from gateway.websocket.subprotocol import (
    FORBIDDEN,
    GOING_AWAY,
    INIT_TIMEOUT,
    STALLED,
    TRY_AGAIN_LATER,
    UNAUTHENTICATED,
    Close,
    Effect,
    Initialise,
    Send,
    Start,
    Stop,
    Subprotocol,
    clip_reason,
)
from gateway.websocket.subscriber import ThrottledSubscriber, WebSocketSubscriber
from gateway.websocket.subscription_slots import SubscriptionSlots
from gateway.websocket.timeouts import SharedTimeouts
from gateway.websocket.write_queue import ConnectionGone, FrameWriter, WriteQueue
from rates.errors import AccessDenied, AccessUnavailable, BudgetExhausted, Forbidden, Unauthenticated

CLOSE_TIMEOUT_S = 2.0
END_CODES = {
    Ending.STOPPING: (GOING_AWAY, "server stops"),
    Ending.LEAVING: (TRY_AGAIN_LATER, "this gateway cannot answer at present: try again"),
    Ending.REVOKED: (FORBIDDEN, "the key was revoked"),
    Ending.EXPIRED: (FORBIDDEN, "the key has expired"),
    Ending.KEYS_UNCONFIRMED: (TRY_AGAIN_LATER, "keys cannot be verified at present: try again"),
}

_CLOSE_CODES = {Unauthenticated: UNAUTHENTICATED, Forbidden: FORBIDDEN}

Preparation = Callable[[], Coroutine[Any, Any, PreparedOperation]]
InitialiseConnection = Callable[["Connection", dict[str, Any] | None], Awaitable[None]]

log = structlog.get_logger("ratewire.gateway.socket")


class ConnectionTimeouts(NamedTuple):
    """Timeouts of a connection in seconds; `keepalives` fires twice per keepalive interval."""

    init_s: float
    stall_s: float
    keepalives: "SharedTimeouts[Connection]"


class Cancellable(Role):
    """A running operation."""

    def cancel(self) -> object:
        """End it without another message."""
        ...


async def _let_in(_connection: "Connection", _payload: dict[str, Any] | None) -> None:
    """Let a client in without a key."""


class Connection:
    """An accepted connection. Writes with `writer`, or with `send` if the server provides none.

    `initialise` sets the principal by the payload of `connection_init`, or raises why the client is sent away.
    """

    def __init__(
        self,
        protocol: Subprotocol,
        operations: Operations,
        timeouts: ConnectionTimeouts,
        receive: Receive,
        send: AsgiSend,
        *,
        admission: Admission,
        subscriptions: SubscriptionSlots,
        serving: TurnBudget,
        clients: ClientAccounts,
        scope: Scope,
        socket: OpenSocket,
        writer: FrameWriter | None = None,
        initialise: "InitialiseConnection" = _let_in,
    ) -> None:
        self._clients, self._scope, self._socket = clients, scope, socket
        self.principal: Principal = ANONYMOUS
        """Who has opened it, from `connection_init` on."""
        self._initialise_principal = initialise
        self._protocol = protocol
        self._operations = operations
        self._timeouts = timeouts
        self._admission = admission
        self._subscriptions = subscriptions
        self._receive_event, self._send_event = receive, send
        self._asgi_writer = None
        if writer is None:
            writer = self._asgi_writer = AsgiWriter(send)
        self._queue = WriteQueue(
            writer, stall_s=timeouts.stall_s, on_stalled=self._on_stalled, budget=serving
        )
        self._running: dict[str, Cancellable] = {}
        self._slots: ResultSlots | None = None
        self._is_silent = True
        self._is_refused = False
        self._closed = False

    async def run(self) -> None:
        """Serve until either side closes."""
        current_client.set(self._queue)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                sending = tasks.create_task(self._asgi_writer.run()) if self._asgi_writer else None
                self._timeouts.keepalives.start(self)
                try:
                    await self._read()
                finally:
                    self._closed = True
                    self._cancel_all()
                    if sending:
                        sending.cancel()
        except Exception:
            # Outermost: whatever it is, the client gets a close code and the log the traceback.
            log.exception("connection failed")
            self._closed = False
            # Not 4500 or 1011: after those npm `graphql-ws` never comes back.
            await self.close(TRY_AGAIN_LATER, "internal error: try again")

    async def end(self, ending: Ending) -> None:
        """Close the socket with a code that every library follows by reconnecting."""
        await self.close(*END_CODES[ending])

    async def close(self, code: int, reason: str) -> None:
        """Close the socket unless it is closed. Waits at most `CLOSE_TIMEOUT_S`."""
        if self._closed:
            return
        self._closed = True
        self._cancel_all()
        closing = {"type": "websocket.close", "code": code, "reason": clip_reason(reason)}
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._send_event(closing)

    def _cancel_all(self) -> None:
        """End all operations, and write nothing more."""
        self._timeouts.keepalives.cancel(self)
        self._subscriptions.release_all()
        running, self._running = self._running, {}
        for each in running.values():
            each.cancel()
        self._queue.close()

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self._timeouts.init_s) as initialising:
                while not self._closed:
                    event = await self._receive_event()
                    if event["type"] != "websocket.receive":
                        return
                    for effect in self._protocol.receive(event.get("text")):
                        await self._apply_effect(effect)
                    if self._protocol.acknowledged:
                        initialising.reschedule(None)
                    # Many messages may have arrived together: let other connections run between two of them.
                    await asyncio.sleep(0)
        except TimeoutError:
            await self.close(INIT_TIMEOUT, "Connection initialisation timeout")
        except ConnectionGone:
            return

    async def _apply_effect(self, effect: Effect) -> None:
        match effect:
            case Send(message):
                await self._queue.send(message)
            case Initialise(payload):
                await self._initialise(payload)
            case Start(operation, request):
                await self._start(operation, request)
            case Stop(operation):
                self._subscriptions.release(operation)
                self._running.pop(operation).cancel()
            case Close(code, reason):
                await self.close(code, reason)

    async def _initialise(self, payload: dict[str, Any] | None) -> None:
        try:
            await self._initialise_principal(self, payload)
            self._find_account()
        except (AccessDenied, AccessUnavailable) as exc:
            effects = self._protocol.refuse(_CLOSE_CODES.get(type(exc), TRY_AGAIN_LATER), describe_error(exc))
        except PlanLimitReached as exc:
            error = {"message": str(exc), "extensions": exc.extensions}
            effects = self._protocol.refuse(TRY_AGAIN_LATER, error)
        else:
            effects = self._protocol.acknowledge()
        for effect in effects:
            if not self._closed:
                await self._apply_effect(effect)

    async def _start(self, operation: str, request: GraphQLRequest) -> None:
        prepare = self._make_preparation(request)
        try:
            prepared = await prepare()
        except BudgetExhausted as exc:
            if not self._closed:
                self._start_task(operation, self._start_with_points(operation, prepare, exc))
            if exc.retry_ms / 1000 > POINTS_WAIT_S:
                # It is refused at once. Nothing is read meanwhile, as over HTTP; its other operations go on.
                await asyncio.sleep(REFUSAL_PAUSE_S)
        except Exception as exc:  # noqa: BLE001 - outermost of an operation: masked, logged, and the others go on
            if not self._closed:
                self._start_task(operation, self._send_final(operation, self._format_error(operation, exc)))
        else:
            self._start_prepared(operation, prepared)

    async def _start_with_points(
        self, operation: str, prepare: Preparation, exhausted: BudgetExhausted
    ) -> None:
        """Start an operation that came at a moment without points."""
        try:
            prepared = await retry_with_points(self._socket.account, exhausted, prepare)
        except Exception as exc:  # noqa: BLE001 - outermost of an operation, as above
            await self._send_final(operation, self._format_error(operation, exc))
        else:
            self._start_prepared(operation, prepared)

    def _start_prepared(self, operation: str, prepared: PreparedOperation) -> None:
        if self._closed:
            return
        if prepared.kind is not OperationKind.SUBSCRIPTION:
            self._start_task(operation, self._run_operation(operation, prepared))
            return
        try:
            assert prepared.stream is not None
            stream = self._subscriptions.take(operation, self._socket.account, prepared.stream)
        except ClientLimitReached as exc:
            error = {"message": str(exc), "extensions": exc.extensions}
            self._start_task(
                operation, self._send_final(operation, self._protocol.format_error(operation, [error]))
            )
            return
        waiting = self._admission.enter(
            lambda: self._start_subscription(operation, prepared, stream), self._refuse
        )
        if waiting is not None:
            self._running[operation] = waiting

    def _make_preparation(self, request: GraphQLRequest) -> Preparation:
        """Return what prepares an operation, once, and charges it, again if points are missing."""
        found: PreparedOperation | OperationRejected | None = None

        async def prepare() -> PreparedOperation:
            nonlocal found
            accounts, account = self._clients.accounts, self._find_account()
            if found is None:
                accounts.check(account)
                try:
                    found = await self._operations.prepare_in_turn(request, account)
                except OperationRejected as exc:
                    found = exc
            await accounts.charge(account, found.cost, found.document_points)
            if isinstance(found, OperationRejected):
                raise found
            check_scopes(self.principal, found.scopes)
            return found

        return prepare

    def _find_account(self) -> Account:
        """Return the account of the principal, and count the socket as one of its."""
        account = self._clients.of_scope(self._scope, self.principal)
        self._socket.move_to(account)
        return account

    def _refuse(self) -> None:
        """Send the client away: the gateway has no room for a new subscription of it."""
        if not self._is_refused:
            self._is_refused = True
            self._tasks.create_task(
                self.close(TRY_AGAIN_LATER, "too many new subscriptions at once: try again")
            )

    def _start_subscription(self, operation: str, prepared: PreparedOperation, stream: OpenStream) -> None:
        try:
            is_pushed = prepared.subscription is not None and self._subscribe(operation, prepared, stream)
        except Exception as exc:  # noqa: BLE001 - outermost of an operation: masked, logged, and the others go on
            self._start_task(operation, self._send_final(operation, self._format_error(operation, exc)))
            return
        if not is_pushed:
            self._start_task(operation, self._run_operation(operation, prepared, stream))

    def _subscribe(self, operation: str, prepared: PreparedOperation, stream: OpenStream) -> bool:
        """Have the results of a subscription pushed. Return `False` if they have to be pulled."""
        envelope = self._protocol.result_envelope(operation)
        make = ThrottledSubscriber if stream.is_throttled else WebSocketSubscriber
        subscriber = make(self._queue, envelope, lambda exc: self._fail_operation(operation, exc))
        self._running[operation] = subscriber
        subscribed = self._operations.subscribe(prepared, subscriber, is_throttled=stream.is_throttled)
        if subscribed is not None and subscribed.resuming:
            subscriber.resuming = self._tasks.create_task(subscriber.resume(subscribed.resuming))
        if subscribed is not None and isinstance(subscriber, ThrottledSubscriber):
            stream.on_restore = lambda: self._restore(prepared, subscriber)
        return subscribed is not None

    def _restore(self, prepared: PreparedOperation, subscriber: ThrottledSubscriber) -> bool:
        """Have all results of a throttled subscription pushed. Return whether that was possible now."""
        if self._closed or subscriber.resuming is not None or not subscriber.is_ready():
            return False
        try:
            restored = self._operations.restore(prepared, subscriber, subscriber.cursor)
        except Exception as exc:  # noqa: BLE001 - outermost of an operation: masked, logged, and the others go on
            subscriber.fail(exc)
            return True
        if restored is not None and restored.resuming:
            subscriber.resuming = self._tasks.create_task(subscriber.resume(restored.resuming))
        return restored is not None

    def _start_task(self, operation: str, work: Coroutine[Any, Any, None]) -> None:
        self._running[operation] = self._tasks.create_task(work)

    async def _run_operation(
        self, operation: str, prepared: PreparedOperation, stream: OpenStream | None = None
    ) -> None:
        with suppress(ConnectionGone):
            metadata = OperationMetadata(principal=self.principal, stream=stream)
            await self._send_final(operation, await self._send_results(operation, prepared, metadata))

    async def _send_final(self, operation: str, message: bytes) -> None:
        """Send the last message of an operation."""
        with suppress(ConnectionGone):
            await self._queue.send(message)
            # In the same step as the write: if the client had stopped the operation before, this task would be cancelled.
            self._protocol.running.discard(operation)
            del self._running[operation]
            self._subscriptions.release(operation)

    async def _send_results(
        self, operation: str, prepared: PreparedOperation, metadata: OperationMetadata
    ) -> bytes:
        """Send all results. Return the final message."""
        protocol, operations, slot = self._protocol, self._operations, self._make_slot()
        try:
            if prepared.kind is OperationKind.SUBSCRIPTION:
                current_slot.set(slot)
                async with aclosing(await operations.iterate(prepared, metadata)) as results:
                    async for result in results:
                        await self._queue.send(protocol.format_result(operation, result))
                        slot.give_back()
            else:
                await slot.acquire()
                answer = await operations.answer(prepared, metadata, self._socket.account)
                await self._queue.send(protocol.format_result(operation, answer.body))
        except ConnectionGone:
            raise
        except Exception as exc:  # noqa: BLE001 - outermost of an operation: masked, logged, and the others go on
            return self._format_error(operation, exc)
        finally:
            slot.give_back()
        return protocol.format_complete(operation)

    def _make_slot(self) -> ResultSlot:
        """Return the slot for the results of an operation that has a task."""
        if self._slots is None:
            self._slots = ResultSlots()
        return ResultSlot(self._slots)

    def _format_error(self, operation: str, error: Exception) -> bytes:
        if isinstance(error, OperationRejected):
            return self._protocol.format_error(operation, error.errors)
        if isinstance(error, ClientLimitReached):
            return self._protocol.format_error(
                operation, [{"message": str(error), "extensions": error.extensions}]
            )
        public = to_public_error(GraphQLError(str(error), original_error=error))
        return self._protocol.format_error(operation, [dict(public.formatted)])

    def _fail_operation(self, operation: str, error: Exception) -> None:
        """End a pushed subscription with its error as the last result."""
        if not self._closed:
            self._start_task(operation, self._send_error_result(operation, encode_error(error)))

    async def _send_error_result(self, operation: str, result: bytes) -> None:
        with suppress(ConnectionGone):
            await self._queue.send(self._protocol.format_result(operation, result))
            await self._send_final(operation, self._protocol.format_complete(operation))

    def send_keepalive(self) -> None:
        """Send a keepalive message if nothing was sent for half an interval or more.

        Called every half interval.

        It keeps proxies and clients from closing an idle connection. Dead clients are detected by WebSocket pings.
        """
        self._timeouts.keepalives.start(self)
        queue = self._queue
        if self._protocol.requires_keepalive:
            self._is_silent = not self._is_silent
        else:
            self._is_silent = not queue.wrote_since_keepalive
            queue.wrote_since_keepalive = False
        # A blocked client would not see it.
        if self._is_silent and self._protocol.acknowledged and queue.is_free:
            queue.write(self._protocol.keepalive_message)

    def _on_stalled(self) -> None:
        self._tasks.create_task(self._close_stalled())

    async def _close_stalled(self) -> None:
        reason = f"stalled: nothing was read for {self._timeouts.stall_s:g} s"
        log.info("connection stalled, closed", reason="write blocked", operations=len(self._running))
        await self.close(STALLED, reason)
