"""What the four push feeds have in common, without a socket: text comes in, answers and streams go out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from simulator.send_queue import CloseFrame


@dataclass(slots=True)
class Reply:
    """What follows from a message: `answers` first, then what each of the streams `subscribed` says first (but for those
    `without_first`); perhaps the end, perhaps the name of a limit that was broken.
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
        """Answers alone."""
        return cls(answers=list(answers))

    @classmethod
    def pong(cls, answer: str) -> "Reply":
        """The answer to a ping."""
        return cls(answers=[answer], is_pong=True)


class FeedSession(Protocol):
    """The protocol of one exchange on one connection."""

    def on_open(self) -> Sequence[str]:
        """What the exchange says first."""

    def receive(self, text: str, now_ns: int) -> Reply:
        """A text frame from the client."""

    def on_timer(self, now_ns: int, *, last_sent_ns: int, last_received_ns: int) -> Reply:
        """What is due now without a question: heartbeats, the end of an idle connection."""
