"""graphql-transport-ws, the subprotocol of current clients.

Source: github.com/enisdenjo/graphql-ws, PROTOCOL.md.

It owns no socket and never waits: messages in, effects out.
"""

import json
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
from gateway.websocket.subprotocol import (
    ID_IN_USE,
    INIT_REPEATED,
    MALFORMED,
    NOT_ACKNOWLEDGED,
    Close,
    Effect,
    Initialise,
    Send,
    Start,
    Stop,
)

SUBPROTOCOL = "graphql-transport-ws"


class GraphQLTransportWs:
    """Protocol state of one connection. It rejects operations beyond `max_running`."""

    keepalive_message = format_message("ping")
    requires_keepalive = False

    def __init__(self, max_running: int) -> None:
        self._max_running = max_running
        self.acknowledged = False
        self.running: set[str] = set()

    def receive(self, text: str | None) -> Sequence[Effect]:
        try:
            return self._receive(parse_message(text))
        except MalformedRequest as exc:
            return [Close(MALFORMED, str(exc))]

    def format_result(self, operation: str, result: bytes) -> bytes:
        before, after = self.result_envelope(operation)
        return before + result + after

    def result_envelope(self, operation: str) -> tuple[bytes, bytes]:
        return encode_envelope(b"next", operation)

    def format_error(self, operation: str, errors: Sequence[dict[str, Any]]) -> bytes:
        return format_message("error", operation, errors)

    def format_complete(self, operation: str) -> bytes:
        return format_message("complete", operation)

    def _receive(self, message: ClientMessage) -> Sequence[Effect]:
        match message.type:
            case "connection_init":
                return self._initialise(message)
            case "ping":
                return [Send(_pong(message.payload))]
            case "pong":
                return []
            case "subscribe":
                return self._start(message)
            case "complete":
                return self._stop(message.require_id())
        raise MalformedRequest(f"`type` is {message.type[:30]!r}: expected a client's message")

    def acknowledge(self) -> Sequence[Effect]:
        self.acknowledged = True
        return [Send(format_message("connection_ack"))]

    def refuse(self, code: int, error: dict[str, Any]) -> Sequence[Effect]:
        return [Close(code, error["message"])]

    def _initialise(self, message: ClientMessage) -> Sequence[Effect]:
        if self.acknowledged:
            return [Close(INIT_REPEATED, "Too many initialisation requests")]
        return [Initialise(message.payload)]

    def _start(self, message: ClientMessage) -> Sequence[Effect]:
        operation, request = message.require_id(), parse_request(message.payload)
        if not self.acknowledged:
            return [Close(NOT_ACKNOWLEDGED, "Unauthorized")]
        if operation in self.running:
            return [Close(ID_IN_USE, f"Subscriber for {operation} already exists")]
        if len(self.running) >= self._max_running:
            return [Send(self.format_error(operation, [too_many_operations(self._max_running)]))]
        self.running.add(operation)
        return [Start(operation, request)]

    def _stop(self, operation: str) -> Sequence[Effect]:
        # Both sides may end an operation at the same time: one that has ended is not an error.
        if operation not in self.running:
            return []
        self.running.remove(operation)
        return [Stop(operation)]


def _pong(payload: dict[str, Any] | None) -> bytes:
    if payload is None:
        return format_message("pong")
    try:
        # The standard library's encoder: the payload may hold integers beyond the range of others.
        return json.dumps({"type": "pong", "payload": payload}, allow_nan=False).encode()
    except ValueError as exc:
        raise MalformedRequest("the JSON has a number that is too large") from exc
