"""Everything that is written to one socket stands in one line, first come first served, so that a thousand subscriptions share
it fairly. Nothing is queued that has not been made yet: whoever stands in line makes its message when it is its turn.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol as Role

FRAME_WRITER = "ratewire.sink"
"""Key of the scope's extensions under which a server may offer a `FrameWriter` of its own."""


class ConnectionGone(Exception):
    """The connection is over: nothing can be written to it."""


class FrameWriter(Role):
    """Where frames go. It lets the line that was attached know when `is_writable` has become another."""

    @property
    def is_writable(self) -> bool:
        """Whether a frame written now would not wait for the reader."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether it takes a frame more all the same, for one of many who are told at once."""
        ...

    def attach(self, line: "WriteQueue") -> None:
        """Let this line know."""
        ...

    @staticmethod
    def frame(message: bytes) -> bytes:
        """The message as it is written."""
        ...

    def write(self, frame: bytes) -> None:
        """Write; this does not wait."""
        ...


class WriteQueue:
    """`on_stalled` is called when it has not been possible to write for `stall_s` seconds."""

    __slots__ = (
        "_in_turn",
        "_on_stalled",
        "_sink",
        "_stall_s",
        "_stall_timer",
        "_woke_sender",
        "frame",
        "has_spoken",
        "is_closed",
        "is_free",
        "put",
    )

    def __init__(self, sink: FrameWriter, *, stall_s: float, on_stalled: Callable[[], None]) -> None:
        self._sink = sink
        self._stall_s = stall_s
        self._on_stalled = on_stalled
        self._in_turn: deque[Callable[[], None]] = deque()
        self._stall_timer: asyncio.TimerHandle | None = None
        self._woke_sender = False
        self.frame = sink.frame
        self.put = sink.write
        """Writes a frame: only by whoever has seen that the line `is_free`, and notes that it `has_spoken`."""
        self.has_spoken = False
        """Whether anything was written since somebody set it back."""
        self.is_closed = False
        self.is_free = True
        """Whether a message may be written now: the reader takes it, and nobody was here before."""
        sink.attach(self)
        self.note_change()

    @property
    def has_room(self) -> bool:
        """Whether a frame more may be written by one of many who saw that the line was free before any of them wrote."""
        return self._sink.has_room and not self.is_closed

    def write(self, message: bytes) -> None:
        """Write a message: only by whoever has seen that the line `is_free`."""
        self.has_spoken = True
        self.put(self.frame(message))

    def wait(self, go: Callable[[], None]) -> None:
        """Have `go` called when it is its turn, or when it will never be. It writes one message or none."""
        if not self.is_closed:
            self._in_turn.append(go)
            self.is_free = False

    async def send(self, message: bytes) -> None:
        """Write a message when it is its turn.

        Raises:
            Gone: it never will be.
        """
        if self.is_closed:
            raise ConnectionGone
        if self.is_free:
            self.write(message)
            return
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def go() -> None:
            if written.cancelled():
                # Whoever sent it has ended: not a word more.
                return
            if self.is_closed:
                written.set_exception(ConnectionGone())
            else:
                self.write(message)
                self._woke_sender = True
                written.set_result(None)

        self.wait(go)
        await written

    def note_change(self) -> None:
        """The sink has become writable, or has ceased to be."""
        if self.is_closed:
            return
        if self._sink.is_writable:
            self._stop_timer()
            self._serve()
        else:
            self.is_free = False
            if self._stall_timer is None:
                loop = asyncio.get_running_loop()
                self._stall_timer = loop.call_later(self._stall_s, self._note_stalled)

    def close(self) -> None:
        """Nothing more is written; whoever stands in line learns of it."""
        self.is_closed, self.is_free = True, False
        self._stop_timer()
        while self._in_turn:
            self._in_turn.popleft()()

    def _serve(self) -> None:
        while self._in_turn and self._sink.is_writable:
            # For this one it is.
            self.is_free = True
            self._in_turn.popleft()()
            if self._woke_sender and self._in_turn:
                # It may have more to send: it gets behind those who wait, but before those who come later.
                self._woke_sender = self.is_free = False
                asyncio.get_running_loop().call_soon(self.note_change)
                return
        self.is_free = not self._in_turn and self._sink.is_writable

    def _note_stalled(self) -> None:
        self._stall_timer = None
        self._on_stalled()

    def _stop_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
