"""Uvicorn's HTTP, with a way to end a connection whose client reads nothing: a polite end would wait for it for ever."""

import socket
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.transports.streaming import ABORT
from gateway.transports.uvicorn_socket import MAX_UNSENT_BYTES

if TYPE_CHECKING:
    import asyncio


class GatewayHttp(HttpToolsProtocol):
    """Puts `ABORT` into the scope's extensions, and bounds what the kernel keeps unsent."""

    def connection_made(self, transport: "asyncio.Transport") -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        link = transport.get_extra_info("socket")
        if link is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT_BYTES)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: self.transport.abort}  # type: ignore[dict-item]  # ours, not ASGI's
