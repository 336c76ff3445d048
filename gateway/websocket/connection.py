"""A WebSocket connection: reads messages, keeps it alive, closes it.

`gateway.websocket.connection_operations` runs its operations.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple

import structlog
from starlette.types import Receive, Scope
from starlette.types import Send as AsgiSend

from access.principal import Principal
from gateway.admission import Admission
from gateway.budgets.client_accounts import ClientAccounts
from gateway.budgets.open_stream import OpenSocket, PlanLimitReached
from gateway.client_connections import Ending
from gateway.operations import Operations
from gateway.schema.errors import describe_error
from gateway.subscriptions.pull import current_client
from gateway.turn_budget import TurnBudget
from gateway.websocket.asgi_writer import AsgiWriter
from gateway.websocket.connected_client import ConnectedClient
from gateway.websocket.connection_operations import ConnectionOperations
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
from gateway.websocket.subscription_slots import SubscriptionSlots
from gateway.websocket.timeouts import SharedTimeouts
from gateway.websocket.write_queue import ConnectionGone, FrameWriter, WriteQueue
from rates.errors import AccessDenied, AccessUnavailable, Forbidden, RatesError, Unauthenticated

CLOSE_TIMEOUT_S = 2.0
END_CODES = {
    Ending.STOPPING: (GOING_AWAY, "server stops"),
    Ending.LEAVING: (TRY_AGAIN_LATER, "this gateway cannot answer at present: try again"),
    Ending.REVOKED: (FORBIDDEN, "the key was revoked"),
    Ending.EXPIRED: (FORBIDDEN, "the key has expired"),
    Ending.KEYS_UNCONFIRMED: (TRY_AGAIN_LATER, "keys cannot be verified at present: try again"),
}

_CLOSE_CODES: dict[type[RatesError], int] = {Unauthenticated: UNAUTHENTICATED, Forbidden: FORBIDDEN}

InitialiseConnection = Callable[["Connection", dict[str, Any] | None], Awaitable[None]]

log = structlog.get_logger("ratewire.gateway.socket")


class ConnectionTimeouts(NamedTuple):
    """Timeouts of a connection in seconds; `keepalives` fires twice per keepalive interval."""

    init_s: float
    stall_s: float
    keepalives: "SharedTimeouts[Connection]"


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
        self._client = ConnectedClient(clients, scope, socket)
        self._initialise_principal = initialise
        self._protocol = protocol
        self._timeouts = timeouts
        self._receive_event, self._send_event = receive, send
        self._asgi_writer = None
        if writer is None:
            writer = self._asgi_writer = AsgiWriter(send)
        self._queue = WriteQueue(
            writer, stall_s=timeouts.stall_s, on_stalled=self._on_stalled, budget=serving
        )
        self._operations = ConnectionOperations(
            operations,
            protocol,
            self._queue,
            self._client,
            admission=admission,
            subscriptions=subscriptions,
            closing=serving,
            send_away=self._send_away,
        )
        self._is_silent = True
        self._is_sent_away = False
        self._closed = False

    @property
    def principal(self) -> Principal:
        """The one who has opened it, from `connection_init` on."""
        return self._client.principal

    @principal.setter
    def principal(self, principal: Principal) -> None:
        self._client.principal = principal

    async def run(self) -> None:
        """Serve until either side closes."""
        current_client.set(self._queue)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = self._operations.tasks = tasks
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
        self._operations.close()
        self._queue.close()

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self._timeouts.init_s) as initialising:
                while not self._closed:
                    event = await self._receive_event()
                    if event["type"] != "websocket.receive":
                        return
                    # Nothing of a message is kept while waiting for the next one.
                    await self._handle(event.pop("text", None))
                    if self._protocol.acknowledged:
                        initialising.reschedule(None)
                    # Many messages may have arrived together: let other connections run between two of them.
                    await asyncio.sleep(0)
        except TimeoutError:
            await self.close(INIT_TIMEOUT, "Connection initialisation timeout")
        except ConnectionGone:
            return

    async def _handle(self, message: str | None) -> None:
        for effect in self._protocol.receive(message):
            await self._apply_effect(effect)

    async def _apply_effect(self, effect: Effect) -> None:
        match effect:
            case Send(message):
                await self._queue.send(message)
            case Initialise(payload):
                await self._initialise(payload)
            case Start(operation, request):
                await self._operations.start(operation, request)
            case Stop(operation):
                self._operations.stop(operation)
            case Close(code, reason):
                await self.close(code, reason)

    async def _initialise(self, payload: dict[str, Any] | None) -> None:
        try:
            await self._initialise_principal(self, payload)
            self._client.find_account()
            self._client.forget_headers()
        except (AccessDenied, AccessUnavailable) as exc:
            await self._client.deny(exc)
            effects = self._protocol.refuse(_CLOSE_CODES.get(type(exc), TRY_AGAIN_LATER), describe_error(exc))
        except PlanLimitReached as exc:
            # Its client may try again at once.
            await asyncio.sleep(self._client.account.refusals.take())
            error = {"message": str(exc), "extensions": exc.extensions}
            effects = self._protocol.refuse(TRY_AGAIN_LATER, error)
        else:
            effects = self._protocol.acknowledge()
        for effect in effects:
            if not self._closed:
                await self._apply_effect(effect)

    def _send_away(self) -> None:
        """Send the client away: the gateway has no room for a new subscription of it."""
        if not self._is_sent_away:
            self._is_sent_away = True
            self._tasks.create_task(
                self.close(TRY_AGAIN_LATER, "too many new subscriptions at once: try again")
            )

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
        log.info("connection stalled, closed", reason="write blocked", operations=len(self._operations))
        await self.close(STALLED, reason)
