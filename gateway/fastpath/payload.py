"""What a reader is told, as bytes: one body for everyone, put into the message of each."""

from collections.abc import Callable

Frame = Callable[[bytes], bytes]


class EncodedPayload:
    """A result, written once. `cursor` is that of its event, where it has one."""

    __slots__ = ("_framed", "body", "cursor")

    def __init__(self, body: bytes, cursor: str | None = None) -> None:
        self.body = body
        self.cursor = cursor
        self._framed: dict[Frame, tuple[tuple[bytes, bytes], bytes]] = {}

    def frame(self, envelope: tuple[bytes, bytes], frame: Frame) -> bytes:
        """The result between both parts of its envelope, framed. Most clients use the same ids: the last of each kind of frame is
        remembered.
        """
        known = self._framed.get(frame)
        if known is None or known[0] != envelope:
            before, after = envelope
            known = self._framed[frame] = envelope, frame(before + self.body + after)
        return known[1]
