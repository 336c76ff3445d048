"""The operations of a WebSocket connection: their preparation, their run, their results.

Cohorts (`gateway.subscriptions.cohort`) push the results of live queries, without a task per subscription. While the socket is
blocked, their updates are conflated (`gateway.subscriptions.conflation`). Other operations have a task each.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing, suppress
from functools import partial
from typing import Any
from typing import Protocol as Role

from graphql import GraphQLError

from gateway.admission import Admission, WaitingJoin
from gateway.authentication import check_scopes
from gateway.budgets.open_stream import OpenStream
from gateway.budgets.points_wait import POINTS_WAIT_S, retry_with_points
from gateway.budgets.refusal_pace import LEAST_PAUSE_S
from gateway.client_limits import ClientLimitReached
from gateway.operations import Operations
from gateway.prepared_operation import OperationKind, OperationRejected, PreparedOperation
from gateway.request import GraphQLRequest
from gateway.results import encode_error
from gateway.schema.context import OperationMetadata
from gateway.schema.errors import to_public_error
from gateway.subscriptions.result_slots import ResultSlot, ResultSlots, current_slot
from gateway.turn_budget import TurnBudget
from gateway.websocket.connected_client import ConnectedClient
from gateway.websocket.reading_pause import ReadingPause
from gateway.websocket.subprotocol import Subprotocol
from gateway.websocket.subscriber import ThrottledSubscriber, WebSocketSubscriber
from gateway.websocket.subscription_slots import SubscriptionSlots
from gateway.websocket.write_queue import ConnectionGone, WriteQueue
from rates.errors import AccessDenied, BudgetExhausted

Preparation = Callable[[], Coroutine[Any, Any, PreparedOperation]]


class Cancellable(Role):
    """A running operation."""

    def cancel(self) -> object:
        """End it without another message."""
        ...


class ConnectionOperations:
    """Runs the operations of one connection, by their identifiers.

    `send_away` closes the connection of a client for whose subscriptions the gateway has no room.
    """

    __slots__ = (
        "_admission",
        "_client",
        "_closed",
        "_closing",
        "_operations",
        "_pause",
        "_protocol",
        "_queue",
        "_running",
        "_send_away",
        "_slots",
        "_subscriptions",
        "tasks",
    )
    tasks: asyncio.TaskGroup
    """Those of the connection; set before the first operation starts."""

    def __init__(
        self,
        operations: Operations,
        protocol: Subprotocol,
        queue: WriteQueue,
        client: ConnectedClient,
        *,
        admission: Admission,
        subscriptions: SubscriptionSlots,
        closing: TurnBudget,
        send_away: Callable[[], None],
    ) -> None:
        self._operations = operations
        self._protocol = protocol
        self._queue = queue
        self._client = client
        self._admission = admission
        self._subscriptions = subscriptions
        self._closing = closing
        self._send_away = send_away
        self._running: dict[str, Cancellable] = {}
        self._slots: ResultSlots | None = None
        self._closed = False
        self._pause = ReadingPause()

    def __len__(self) -> int:
        return len(self._running)

    def close(self) -> None:
        """End all operations without another message. None starts after that.

        Thousands take several turns of the loop. They get nothing more meanwhile, because the queue is closed.
        """
        self._closed = True
        # That of the connection, which has this object.
        self._send_away = _ignore
        self._subscriptions.release_all()
        running, self._running = self._running, {}
        ends = []
        for each in running.values():
            if isinstance(each, WaitingJoin):
                # It must not be started or refused meanwhile.
                each.cancel()
            else:
                ends.append(each.cancel)
        self._closing.run_all(ends, self)
        self._pause.end()

    def stop(self, operation: str) -> None:
        """End an operation without another message."""
        self._subscriptions.release(operation)
        self._running.pop(operation).cancel()

    async def start(self, operation: str, request: GraphQLRequest) -> None:
        """Prepare and charge an operation, and start it; what fails is its result."""
        prepare = self._make_preparation(request)
        try:
            prepared = await prepare()
        except BudgetExhausted as exc:
            if not self._closed:
                waiting = self._start_task(operation, self._start_with_points(operation, prepare, exc))
                # It is refused at once, or waits. Nothing is read meanwhile, as over HTTP; its other operations go on.
                if await self._slow_down(is_refused=exc.retry_ms / 1000 > POINTS_WAIT_S):
                    # Operations that end before they have their points would cost as much, and be paid for by nobody.
                    await asyncio.wait([waiting], timeout=POINTS_WAIT_S)
        except Exception as exc:  # noqa: BLE001 - outermost of an operation: masked, logged, and the others go on
            if not self._closed:
                self._start_task(operation, self._send_final(operation, self._format_error(operation, exc)))
        else:
            if not self._start_prepared(operation, prepared):
                await self._slow_down(is_refused=True)

    async def _slow_down(self, *, is_refused: bool) -> bool:
        """Wait before the next message is read. Return whether that was necessary.

        Not if the operation waits for its points, unless its client sends more of those than it gets refusals.
        """
        pause_s = self._client.account.refusals.take()
        is_necessary = not self._closed and (is_refused or pause_s > LEAST_PAUSE_S)
        if is_necessary:
            await self._pause.wait(pause_s)
        return is_necessary

    async def _start_with_points(
        self, operation: str, prepare: Preparation, exhausted: BudgetExhausted
    ) -> None:
        """Start an operation that came at a moment without points."""
        attempts = retry_with_points(self._client.account, exhausted, prepare)
        # It may be raised again, and its traceback refers to this frame.
        del exhausted
        try:
            prepared = await attempts
        except Exception as exc:  # noqa: BLE001 - outermost of an operation, as above
            await self._send_final(operation, self._format_error(operation, exc))
        else:
            self._start_prepared(operation, prepared)

    def _start_prepared(self, operation: str, prepared: PreparedOperation) -> bool:
        """Start a prepared operation. Return `False` if it is refused, because too many are open."""
        if self._closed:
            return True
        if prepared.kind is not OperationKind.SUBSCRIPTION:
            self._start_task(operation, self._run_operation(operation, prepared))
            return True
        try:
            assert prepared.stream is not None
            stream = self._subscriptions.take(operation, self._client.account, prepared.stream)
        except ClientLimitReached as exc:
            error = {"message": str(exc), "extensions": exc.extensions}
            self._start_task(
                operation, self._send_final(operation, self._protocol.format_error(operation, [error]))
            )
            return False
        waiting = self._admission.enter(
            lambda: self._start_subscription(operation, prepared, stream), self._send_away
        )
        if waiting is not None:
            self._running[operation] = waiting
        return True

    def _make_preparation(self, request: GraphQLRequest) -> Preparation:
        """Return what prepares an operation, once, and charges it, again if points are missing."""
        found: PreparedOperation | OperationRejected | None = None

        async def prepare() -> PreparedOperation:
            nonlocal found
            accounts, account = self._client.accounts, self._client.find_account()
            if found is None:
                accounts.check(account)
                try:
                    found = await self._operations.prepare_in_turn(
                        request, account, partial(accounts.charge_document, account)
                    )
                except OperationRejected as exc:
                    found = exc.with_traceback(None)
            await accounts.charge(account, found.cost)
            if isinstance(found, OperationRejected):
                rejected, found = found, None
                try:
                    raise rejected
                finally:
                    # Its traceback has this frame, which must not have it.
                    del rejected
            check_scopes(self._client.principal, found.scopes)
            return found

        return prepare

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
            subscriber.resuming = self.tasks.create_task(subscriber.resume(subscribed.resuming))
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
            subscriber.resuming = self.tasks.create_task(subscriber.resume(restored.resuming))
        return restored is not None

    def _start_task(self, operation: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._running[operation] = self.tasks.create_task(work)
        return task

    async def _run_operation(
        self, operation: str, prepared: PreparedOperation, stream: OpenStream | None = None
    ) -> None:
        with suppress(ConnectionGone):
            metadata = OperationMetadata(principal=self._client.principal, stream=stream)
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
                answer = await operations.answer(prepared, metadata, self._client.account)
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
        if isinstance(error, AccessDenied):
            self._client.accounts.note_denied(error)
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


def _ignore() -> None:
    """Take no notice: the connection is closed."""
