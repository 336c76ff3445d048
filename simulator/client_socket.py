"""Server side of one WebSocket connection, with hooks for counters and faults."""

from collections.abc import Callable, Sequence
from functools import cached_property

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import Event

from simulator.send_queue import SendQueue

PONG = 0x80 | Opcode.PONG  # first byte of an unfragmented pong frame


class ClientSocket(ServerConnection):
    """A server connection that reports every incoming frame.

    Exchanges count pings and pongs, too.

    While `is_half_open`, received bytes are discarded and nothing is sent. Without `answers_pings`, pongs are not sent.
    """

    on_frame: Callable[[Frame], None] | None = None
    is_half_open = False
    answers_pings = True
    ignores: Callable[[int], bool] | None = None  # whether a message of so many bytes gets no answer

    def is_ignored(self, message: str | bytes) -> bool:
        """Whether an active fault ignores the message for its size."""
        if self.ignores is None:
            return False
        return self.ignores(len(message.encode() if isinstance(message, str) else message))

    @cached_property
    def send_queue(self) -> SendQueue:
        """The frames waiting to be sent to this client."""
        return SendQueue(self)

    def process_event(self, event: Event) -> None:
        """Report the frame, then let the library handle it (it answers pings)."""
        if isinstance(event, Frame) and self.on_frame is not None and event.opcode is not Opcode.CLOSE:
            self.on_frame(event)
        super().process_event(event)

    async def send_texts(self, texts: Sequence[str]) -> None:
        """Send text frames in one write: a call of `send` for each takes three times as long."""
        async with self.send_context():
            for text in texts:
                # An injected fault may contain bytes that are no UTF-8.
                self.protocol.send_text(text.encode("utf-8", "surrogateescape"))

    def data_received(self, data: bytes) -> None:
        """Process bytes from the client, unless the connection is half-open."""
        if not self.is_half_open:
            super().data_received(data)

    def send_data(self) -> None:
        """Send bytes to the client.

        Each item of the protocol's output is one frame; server frames are not masked.
        """
        if not self.is_half_open and self.answers_pings:
            super().send_data()
            return
        for data in self.protocol.data_to_send():
            if self.is_half_open or (data and data[0] == PONG):
                continue
            if data:
                self.transport.write(data)
            elif self.transport.can_write_eof():
                self.transport.write_eof()
