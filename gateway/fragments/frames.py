"""What a reader is told, as bytes: one body for everyone, put into the message of each."""

from collections.abc import Callable

Frame = Callable[[bytes], bytes]


class Told:
    """A result, written once. `cursor` is that of its event, where it has one."""

    __slots__ = ("_envelope", "_frame", "_framed", "body", "cursor")

    def __init__(self, body: bytes, cursor: str | None = None) -> None:
        self.body = body
        self.cursor = cursor
        self._envelope: tuple[bytes, bytes] = b"", b""
        self._frame: Frame | None = None
        self._framed = b""

    def frame(self, envelope: tuple[bytes, bytes], frame: Frame) -> bytes:
        """The result between both parts of its envelope, framed. Most clients use the same ids: the last is remembered."""
        if self._frame is not frame or self._envelope != envelope:
            before, after = envelope
            self._framed = frame(before + self.body + after)
            self._frame, self._envelope = frame, envelope
        return self._framed
