"""Uvicorn's WebSocket protocol, opened by a handshake whose head is parsed already.

Uvicorn writes the head of the handshake again, and the websockets library parses it a second time: half of the time that joining
took. Only handshakes that are not plain go that way.
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.protocol import OPEN, Protocol

from gateway.websocket.handshake import Handshake, encode_accepted, read_handshake

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent
    from uvicorn.config import Config


class PlainOpeningProtocol(WebSocketsSansIOProtocol):
    """Opens a WebSocket without the bytes of its handshake, if that is plain."""

    # Until it is answered, if it is plain; and the extensions that were agreed on.
    _handshake: Handshake | None = None
    _extensions: str | None = None

    @classmethod
    def open_plain(
        cls,
        config: "Config",
        server_state: Any,
        app_state: dict[str, Any],
        *,
        transport: Any,
        target: bytes,
        headers: list[tuple[bytes, bytes]],
        addresses: tuple[Any, Any, Any],
    ) -> bool:
        """Open a WebSocket if the head of its handshake is plain. Return whether it is.

        `addresses`: of the server and of the client, and the scheme.
        """
        handshake = read_handshake(target, headers)
        if handshake is None:
            return False
        protocol = cls(config, server_state, app_state)
        if not protocol._negotiate(handshake):
            return False
        protocol.server, protocol.client, protocol.scheme = addresses
        protocol._open(handshake, transport, target, headers)
        return True

    def _negotiate(self, handshake: Handshake) -> bool:
        """Choose the extensions. Return whether the client asks for them in the right form."""
        conn = self.conn
        if handshake.extensions is None or not conn.available_extensions:
            return True
        offered = Headers([("Sec-WebSocket-Extensions", handshake.extensions)])
        try:
            self._extensions, conn.extensions = conn.process_extensions(offered)
        except InvalidHandshake:
            return False
        return True

    def _open(
        self,
        handshake: Handshake,
        transport: Any,
        target: bytes,
        headers: list[tuple[bytes, bytes]],
    ) -> None:
        """Do what `connection_made` and `handle_connect` do, with a head that is parsed already."""
        self._handshake = handshake
        self.connections.add(self)
        self.transport = transport
        # It would read the head, and nothing is kept of it: frames come next.
        self.conn.parser = Protocol.parse(self.conn)
        next(self.conn.parser)
        raw_path, _, query = target.partition(b"?")
        self.scope = {
            "type": "websocket",
            "asgi": {"version": self.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": self.scheme,
            "server": self.server,
            "client": self.client,
            "root_path": self.root_path,
            "path": self.root_path + unquote(raw_path.decode()),
            "raw_path": self.root_path.encode() + raw_path,
            "query_string": query,
            "headers": headers,
            "subprotocols": handshake.subprotocols,
            "state": self.app_state.copy(),
            "extensions": {"websocket.http.response": {}},
        }
        self.on_negotiated()
        self.handshake_initiated = True
        self.queue.put_nowait({"type": "websocket.connect"})
        task = self.loop.create_task(self.run_asgi())
        task.add_done_callback(self.on_task_complete)
        self.tasks.add(task)
        transport.set_protocol(self)

    async def send(self, message: "ASGISendEvent") -> None:
        if self._handshake is None or message["type"] != "websocket.accept":
            await super().send(message)
        elif self.disconnected:
            raise ClientDisconnected
        else:
            self._accept(self._handshake, message)

    def on_negotiated(self) -> None:
        """Hear that scope and extensions are known, before the application starts."""

    def _accept(self, handshake: Handshake, message: Any) -> None:
        """Write the response that opens the WebSocket."""
        self._handshake = None
        if not self.transport.is_closing():
            self.handshake_complete = True
            self.conn.state = OPEN
            headers = [*self.default_headers, *message.get("headers", ())]
            self.transport.write(
                encode_accepted(handshake, self._extensions, headers, message.get("subprotocol"))
            )
            self.start_keepalive()
