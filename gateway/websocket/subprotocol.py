"""What a WebSocket protocol asks of whoever holds the socket, and what the holder asks of it. Neither knows a socket."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from typing import Protocol as Role

from gateway.request import GraphQLRequest

NORMAL = 1000
GOING_AWAY = 1001
MALFORMED = 4400
NOT_ACKNOWLEDGED = 4401
SUBPROTOCOL_NOT_ACCEPTABLE = 4406
INIT_TIMEOUT = 4408
ID_IN_USE = 4409
INIT_REPEATED = 4429
INTERNAL_FAULT = 4500
STALLED = 4503
"""Ours: the reader has read nothing for `stall_timeout_s`. Clients retry it, because it is in no list of fatal codes."""
MAX_REASON_BYTES = 123
"""What a close frame has room for [RFC 6455, 5.5]."""


class Send(NamedTuple):
    """Send this message."""

    message: bytes


class Start(NamedTuple):
    """Begin an operation; its id is taken until it is told to have ended."""

    id: str
    request: GraphQLRequest


class Stop(NamedTuple):
    """End an operation at once: not a word more about it."""

    id: str


class Close(NamedTuple):
    """Close the socket; the reason is cut to what a close frame has room for."""

    code: int
    reason: str


Effect = Send | Start | Stop | Close


class Subprotocol(Role):
    """The rules of one subprotocol for one connection. `running` holds the ids in use; the holder of the socket removes those
    of operations whose last message it has sent.
    """

    keep_alive: bytes
    """The message that shows a silent connection to be alive."""
    demands_keep_alive: bool
    """Whether clients expect it at its time, whatever else they are told."""
    acknowledged: bool
    running: set[str]

    def receive(self, text: str | None) -> Sequence[Effect]:
        """What a message from the client leads to; `None` is one that is no text."""
        ...

    def format_result(self, operation: str, result: bytes) -> bytes:
        """The message with one result, which is encoded already."""
        ...

    def envelope(self, operation: str) -> tuple[bytes, bytes]:
        """What comes before and after each of its results."""
        ...

    def format_refusal(self, operation: str, errors: Sequence[dict[str, Any]]) -> bytes:
        """The last message of an operation that cannot be executed."""
        ...

    def format_end(self, operation: str) -> bytes:
        """The last message of an operation that has run to its end."""
        ...


def clip_reason(reason: str) -> str:
    """The reason, cut between characters to what a close frame has room for."""
    return reason.encode(errors="replace")[:MAX_REASON_BYTES].decode(errors="ignore")
