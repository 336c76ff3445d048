"""Interface of the four push feeds' protocols: text in, answers and streams out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from simulator.send_queue import CloseFrame


@dataclass(slots=True)
class Reply:
    """The effects of a client message.

    `answers` are sent first, then the initial frame of each stream in `subscribed` (except those in `without_snapshot`). `close`
    ends the connection; `violation` names a violated limit.
    """

    answers: list[str] = field(default_factory=list)
    subscribed: list[str] = field(default_factory=list)
    unsubscribed: list[str] = field(default_factory=list)
    close: CloseFrame | None = None
    violation: str | None = None
    without_snapshot: set[str] = field(default_factory=set)
    is_pong: bool = False

    @classmethod
    def of(cls, *answers: str) -> "Reply":
        """A reply of answers only."""
        return cls(answers=list(answers))

    @classmethod
    def pong(cls, answer: str) -> "Reply":
        """A reply to a ping."""
        return cls(answers=[answer], is_pong=True)


class FeedSession(Protocol):
    """The server side of one exchange's protocol on one connection."""

    def on_open(self) -> Sequence[str]:
        """The messages to send when a connection opens."""

    def receive(self, text: str, now_ns: int) -> Reply:
        """Process a text frame from the client."""

    def on_timer(self, now_ns: int, *, last_sent_ns: int, last_received_ns: int) -> Reply:
        """Return what is due by time: a heartbeat, or the end of an idle connection."""
