"""The write queue of a socket: first come, first served, so subscriptions share it fairly.

It queues turns, not messages: a waiting subscription encodes its message when its turn comes.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol as Role

from gateway.turn_budget import TurnBudget

FRAME_WRITER = "ratewire.frame_writer"
"""Key of the ASGI scope's extensions under which a server may provide a `FrameWriter`."""


class ConnectionGone(Exception):
    """The connection is over: nothing can be written to it."""


class FrameWriter(Role):
    """Writes frames to a socket.

    Calls `on_writable_changed` of the attached queue whenever `is_writable` changes.
    """

    @property
    def is_writable(self) -> bool:
        """Whether a frame written now would not wait for the client."""
        ...

    @property
    def below_high_water(self) -> bool:
        """Whether to accept another frame for one of many subscriptions with the same payload."""
        ...

    def attach(self, queue: "WriteQueue") -> None:
        """Notify this queue."""
        ...

    @property
    def encode_frame(self) -> Callable[[bytes], bytes]:
        """Returns the frame of a message."""
        ...

    @property
    def write_frame(self) -> Callable[[bytes], None]:
        """Writes a frame without blocking. Used from `attach` until the queue is closed."""
        ...


class WriteQueue:
    """Calls `on_stalled` when the socket has not been writable for `stall_s` seconds.

    The turns of all sockets with the same budget share the time of a turn of the loop.
    """

    __slots__ = (
        "_budget",
        "_is_waiting",
        "_on_stalled",
        "_stall_s",
        "_stall_timer",
        "_turns",
        "_woke_sender",
        "encode_frame",
        "is_closed",
        "is_free",
        "write_frame",
        "writer",
        "wrote_since_keepalive",
    )

    def __init__(
        self,
        writer: FrameWriter,
        *,
        stall_s: float,
        on_stalled: Callable[[], None],
        budget: TurnBudget,
    ) -> None:
        self.writer = writer
        self._budget = budget
        self._is_waiting = False
        self._stall_s = stall_s
        self._on_stalled = on_stalled
        # Those that wait; `None` for most sockets, of which none ever does.
        self._turns: deque[Callable[[], None]] | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._woke_sender = False
        writer.attach(self)
        self.encode_frame = writer.encode_frame
        self.write_frame = writer.write_frame
        """Write a frame: only if `is_free`, or if `below_high_water` after it was; and set `wrote_since_keepalive`.

        All messages are written here.
        """
        self.wrote_since_keepalive = False
        """Whether a frame was written since the last check of the keepalive messages, which resets it."""
        self.is_closed = False
        self.is_free = True
        """Whether a message may be written now: the socket is writable, and no turn is waiting."""
        self.on_writable_changed()

    @property
    def below_high_water(self) -> bool:
        """Whether another subscription that saw the queue free may still write its frame."""
        return self.writer.below_high_water and not self.is_closed

    def enqueue(self, turn: Callable[[], None]) -> None:
        """Call `turn` when it is its turn, or when the queue is closed.

        It writes one message or none.
        """
        if not self.is_closed:
            if self._turns is None:
                self._turns = deque()
            self._turns.append(turn)
            self.is_free = False

    def write(self, message: bytes) -> None:
        """Write a message: only if `is_free`."""
        self.wrote_since_keepalive = True
        self.write_frame(self.encode_frame(message))

    async def send(self, message: bytes) -> None:
        """Write a message when it is its turn.

        Raises:
            ConnectionGone: the queue is closed.
        """
        if self.is_closed:
            raise ConnectionGone
        if self.is_free:
            self.write(message)
            return
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def turn() -> None:
            if written.cancelled():
                # The sender has ended: its message must not be sent.
                return
            if self.is_closed:
                written.set_exception(ConnectionGone())
            else:
                self.write(message)
                self._woke_sender = True
                written.set_result(None)

        self.enqueue(turn)
        await written

    def on_writable_changed(self) -> None:
        """Serve the waiting turns, or start the stall timer."""
        if self.is_closed:
            return
        if self.writer.is_writable:
            self._stop_timer()
            self._serve()
        else:
            self.is_free = False
            if self._stall_timer is None:
                loop = asyncio.get_running_loop()
                self._stall_timer = loop.call_later(self._stall_s, self._on_stall_timer)

    def close(self) -> None:
        """Write nothing more, and call all waiting turns."""
        self.is_closed, self.is_free = True, False
        self._stop_timer()
        # Its owner has this queue.
        self._on_stalled = _ignore
        while self._turns:
            self._turns.popleft()()

    def _serve(self) -> None:
        if self._is_waiting:
            return
        while self._turns and self.writer.is_writable:
            if not self._budget.has_time:
                self._is_waiting = True
                self.is_free = False
                self._budget.enqueue(self._on_budget)
                return
            self._serve_next()
            if self._woke_sender and self._turns:
                # Its task may send more: that comes after the waiting turns, but before later ones.
                self._woke_sender = self.is_free = False
                asyncio.get_running_loop().call_soon(self.on_writable_changed)
                return
        self.is_free = not self._turns and self.writer.is_writable

    def _serve_next(self) -> None:
        # Free for this turn.
        assert self._turns
        self.is_free = True
        self._budget.run_now(self._turns.popleft())

    def _on_budget(self) -> None:
        """Serve one turn at least: the other sockets that wait get theirs in between."""
        self._is_waiting = False
        if not self.is_closed and self._turns and self.writer.is_writable:
            self._serve_next()
            self.on_writable_changed()

    def _on_stall_timer(self) -> None:
        self._stall_timer = None
        self._on_stalled()

    def _stop_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None


def _ignore() -> None:
    """Take no notice."""
