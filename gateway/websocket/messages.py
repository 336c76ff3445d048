"""Messages of both WebSocket subprotocols: JSON objects with `type`, `id` and `payload`.

Pure.
"""

from typing import Any, NamedTuple

import msgspec

from gateway.client_limits import TOO_MANY_SUBSCRIPTIONS
from gateway.request import MalformedRequest, decode_json


class ClientMessage(NamedTuple):
    """A message of a client. `payload` is `None` if it is absent or null, which mean the same."""

    type: str
    id: str | None
    payload: dict[str, Any] | None

    def require_id(self) -> str:
        """The id.

        Raises:
            MalformedRequest: the id is missing or empty.
        """
        if not self.id:
            raise MalformedRequest(f"`{self.type}` has no `id`: expected a string that is not empty")
        return self.id


def parse_message(text: str | None) -> ClientMessage:
    """Parse a message; `None` stands for a binary one.

    Raises:
        MalformedRequest: the message has not the form that both subprotocols share.
    """
    if text is None:
        raise MalformedRequest("the message is binary: expected JSON text")
    data = decode_json(text)
    if not isinstance(data, dict):
        raise MalformedRequest("the message is not an object with `type`: expected one")
    kind, identity, payload = data.get("type"), data.get("id"), data.get("payload")
    if not isinstance(kind, str):
        raise MalformedRequest("expected `type` to be a string")
    if not isinstance(identity, str | None):
        raise MalformedRequest("expected `id` to be a string")
    if not isinstance(payload, dict | None):
        raise MalformedRequest(f"expected `payload` of `{kind[:30]}` to be an object")
    return ClientMessage(kind, identity, payload)


def format_message(kind: str, operation: str | None = None, payload: object = None) -> bytes:
    """Encode a message to the client, without what is `None`."""
    message: dict[str, object] = {"type": kind}
    if operation is not None:
        message["id"] = operation
    if payload is not None:
        message["payload"] = payload
    return msgspec.json.encode(message)


def encode_envelope(kind: bytes, operation: str) -> tuple[bytes, bytes]:
    """Encode the parts of a message before and after its result, which is encoded once."""
    return b'{"type":"%b","id":%b,"payload":' % (kind, msgspec.json.encode(operation)), b"}"


def too_many_operations(max_running: int) -> dict[str, Any]:
    """The error for an operation beyond the limit of a connection."""
    return {
        "message": f"{max_running} operations run on this connection already: end one, or open another",
        "extensions": {"code": TOO_MANY_SUBSCRIPTIONS, "limit": max_running, "scope": "CONNECTION"},
    }
