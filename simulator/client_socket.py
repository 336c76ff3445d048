"""Server side of one WebSocket connection, with hooks for counted frames and injected faults."""

from collections.abc import Callable
from functools import cached_property

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import Event

from simulator.send_queue import SendQueue

PONG = 0x80 | Opcode.PONG  # first byte of an unfragmented pong frame


class ClientSocket(ServerConnection):
    """A server connection that shows every incoming frame, pings and pongs too: exchanges count them.

    When `deaf`, it is half-open: what comes is thrown away unread, what should go out is not sent. Without `answers_pings`
    the library's own pongs are not sent.
    """

    on_frame: Callable[[Frame], None] | None = None
    is_half_open = False
    answers_pings = True

    @cached_property
    def send_queue(self) -> SendQueue:
        """What waits to be sent to this client."""
        return SendQueue(self)

    def process_event(self, event: Event) -> None:
        """Show the frame, then let the library do its part (it answers pings)."""
        if isinstance(event, Frame) and self.on_frame is not None and event.opcode is not Opcode.CLOSE:
            self.on_frame(event)
        super().process_event(event)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if not self.is_half_open:
            super().data_received(data)

    def send_data(self) -> None:
        """Bytes to the client. Each item that the protocol has ready is one frame, and a server's are not masked."""
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
