"""graphql-ws, the subprotocol of older clients.

Source: github.com/apollographql/subscriptions-transport-ws, PROTOCOL.md.

It has no close codes: a malformed message is answered with `connection_error`, and the connection stays open.
"""

from collections.abc import Sequence
from typing import Any

from gateway.request import MalformedRequest, parse_request
from gateway.websocket.messages import (
    ClientMessage,
    encode_envelope,
    format_message,
    parse_message,
    too_many_operations,
)
from gateway.websocket.subprotocol import NORMAL, Close, Effect, Initialise, Send, Start, Stop

SUBPROTOCOL = "graphql-ws"


class SubscriptionsTransportWs:
    """The state of a connection with at most `max_running` operations."""

    keepalive_message = format_message("ka")
    # Apollo's old client closes a connection whose next keepalive is late.
    requires_keepalive = True

    def __init__(self, max_running: int) -> None:
        self._max_running = max_running
        self.acknowledged = False
        self.running: set[str] = set()

    def receive(self, text: str | None) -> Sequence[Effect]:
        try:
            return self._receive(parse_message(text))
        except MalformedRequest as exc:
            return [Send(format_message("connection_error", payload={"message": str(exc)}))]

    def format_result(self, operation: str, result: bytes) -> bytes:
        before, after = self.result_envelope(operation)
        return before + result + after

    def result_envelope(self, operation: str) -> tuple[bytes, bytes]:
        return encode_envelope(b"data", operation)

    def format_error(self, operation: str, errors: Sequence[dict[str, Any]]) -> bytes:
        # The message has room for one error.
        return format_message("error", operation, errors[0])

    def format_complete(self, operation: str) -> bytes:
        return format_message("complete", operation)

    def acknowledge(self) -> Sequence[Effect]:
        self.acknowledged = True
        return [Send(format_message("connection_ack")), Send(self.keepalive_message)]

    def refuse(self, code: int, error: dict[str, Any]) -> Sequence[Effect]:
        return [Send(format_message("connection_error", payload=error)), Close(code, error["message"])]

    def _receive(self, message: ClientMessage) -> Sequence[Effect]:
        match message.type:
            case "connection_init":
                return self.acknowledge() if self.acknowledged else [Initialise(message.payload)]
            case "start":
                return self._start(message)
            case "stop":
                return self._stop(message.require_id())
            case "connection_terminate":
                return [Close(NORMAL, "terminated by the client")]
        raise MalformedRequest(f"`type` is {message.type[:30]!r}: expected a client's message")

    def _start(self, message: ClientMessage) -> Sequence[Effect]:
        operation, request = message.require_id(), parse_request(message.payload)
        if not self.acknowledged:
            raise MalformedRequest("`start` arrived before `connection_init`: expected that first")
        # In the reference server a new operation replaces one with the same id.
        replaced: list[Effect] = [Stop(operation)] if operation in self.running else []
        if not replaced and len(self.running) >= self._max_running:
            return [Send(self.format_error(operation, [too_many_operations(self._max_running)]))]
        self.running.add(operation)
        return [*replaced, Start(operation, request)]

    def _stop(self, operation: str) -> Sequence[Effect]:
        if operation not in self.running:
            return []
        self.running.remove(operation)
        return [Stop(operation), Send(self.format_complete(operation))]
