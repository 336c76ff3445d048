"""The interface of a WebSocket subprotocol: messages in, effects out.

Knows no socket.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from typing import Protocol as Role

from gateway.request import GraphQLRequest

NORMAL = 1000
GOING_AWAY = 1001
TRY_AGAIN_LATER = 1013
MALFORMED = 4400
NOT_ACKNOWLEDGED = UNAUTHENTICATED = 4401
FORBIDDEN = 4403
SUBPROTOCOL_NOT_ACCEPTABLE = 4406
INIT_TIMEOUT = 4408
ID_IN_USE = 4409
INIT_REPEATED = 4429
STALLED = 4503
"""Our own code: the client read nothing for `stall_timeout_s`.

Clients retry it: it is in no list of fatal codes.
"""
MAX_REASON_BYTES = 123
"""Maximum length of the reason in a close frame [RFC 6455, 5.5]."""


class Send(NamedTuple):
    """Send this message."""

    message: bytes


class Initialise(NamedTuple):
    """Find out who the client is, by this payload; then `acknowledge` or `refuse`."""

    payload: dict[str, Any] | None


class Start(NamedTuple):
    """Start an operation. Its id is in use until its last message is sent."""

    id: str
    request: GraphQLRequest


class Stop(NamedTuple):
    """End an operation at once, without another message about it."""

    id: str


class Close(NamedTuple):
    """Close the socket. The reason is clipped to the size of a close frame."""

    code: int
    reason: str


Effect = Send | Initialise | Start | Stop | Close


class Subprotocol(Role):
    """The state of one subprotocol for one connection.

    `running` holds the ids in use; the connection removes those of operations whose last message it has sent.
    """

    keepalive_message: bytes
    """The message that keeps an idle connection open."""
    requires_keepalive: bool
    """Whether clients expect it every interval, whatever else is sent."""
    acknowledged: bool
    running: set[str]

    def receive(self, text: str | None) -> Sequence[Effect]:
        """Handle a message of the client; `None` stands for a binary one."""
        ...

    def acknowledge(self) -> Sequence[Effect]:
        """Let the client in."""
        ...

    def refuse(self, code: int, error: dict[str, Any]) -> Sequence[Effect]:
        """Send the client away with a close code, and tell it why."""
        ...

    def format_result(self, operation: str, result: bytes) -> bytes:
        """The message with one encoded result."""
        ...

    def result_envelope(self, operation: str) -> tuple[bytes, bytes]:
        """The parts of a message before and after a result."""
        ...

    def format_error(self, operation: str, errors: Sequence[dict[str, Any]]) -> bytes:
        """The final message of an operation that cannot be executed."""
        ...

    def format_complete(self, operation: str) -> bytes:
        """The final message of a completed operation."""
        ...


def clip_reason(reason: str) -> str:
    """Clip the reason to the size of a close frame, between two characters."""
    return reason.encode(errors="replace")[:MAX_REASON_BYTES].decode(errors="ignore")
