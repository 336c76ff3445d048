"""graphql-ws, the subprotocol of older clients [github.com/apollographql/subscriptions-transport-ws, PROTOCOL.md].

It has no close codes of its own: what cannot be understood is answered by `connection_error`, and the connection goes on.
"""

from collections.abc import Sequence
from typing import Any

from gateway.request import MalformedRequest, parse_request
from gateway.websocket.messages import (
    ClientMessage,
    format_message,
    parse_message,
    refuse_another,
    result_envelope,
)
from gateway.websocket.subprotocol import NORMAL, Close, Effect, Send, Start, Stop

SUBPROTOCOL = "graphql-ws"


class SubscriptionsTransportWs:
    """One connection's state. `max_running` operations at once; one more is refused with an error of its own."""

    keep_alive = format_message("ka")
    # Apollo's old client ends a connection that has given it one and is late with the next.
    demands_keep_alive = True

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
        before, after = self.envelope(operation)
        return before + result + after

    def envelope(self, operation: str) -> tuple[bytes, bytes]:
        return result_envelope(b"data", operation)

    def format_refusal(self, operation: str, errors: Sequence[dict[str, Any]]) -> bytes:
        # The protocol has room for one.
        return format_message("error", operation, errors[0])

    def format_end(self, operation: str) -> bytes:
        return format_message("complete", operation)

    def _receive(self, message: ClientMessage) -> Sequence[Effect]:
        match message.type:
            case "connection_init":
                self.acknowledged = True
                return [Send(format_message("connection_ack")), Send(self.keep_alive)]
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
            raise MalformedRequest("`start` before `connection_init`")
        # The protocol's own server lets a new operation take the place of one with its id.
        replaced: list[Effect] = [Stop(operation)] if operation in self.running else []
        if not replaced and len(self.running) >= self._max_running:
            return [Send(self.format_refusal(operation, [refuse_another(self._max_running)]))]
        self.running.add(operation)
        return [*replaced, Start(operation, request)]

    def _stop(self, operation: str) -> Sequence[Effect]:
        if operation not in self.running:
            return []
        self.running.remove(operation)
        return [Stop(operation), Send(self.format_end(operation))]
