"""Plain handshakes, which are read without the parser of websockets: it is the oracle."""

import asyncio
import re
from typing import Any

import httptools
import pytest
import uvicorn
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from gateway.http.protocol import GatewayHttpProtocol
from gateway.websocket.handshake import MAX_HEAD_BYTES, read_handshake
from gateway.websocket.protocol import GatewayWebSocketProtocol
from gateway.websocket.write_queue import FRAME_WRITER
from tests.gateway.wire import Wire

DATE = (b"date", b"Mon, 30 Nov 2026 12:00:00 GMT")
# The library dates its refusals by the clock.
LIBRARY_DATE = re.compile(rb"Date: [^\r]*")
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
DEFLATE = b"permessage-deflate; client_max_window_bits"
PLAIN = {
    b"Host": b"here",
    b"Connection": b"Upgrade",
    b"Upgrade": b"websocket",
    b"Sec-WebSocket-Version": b"13",
    b"Sec-WebSocket-Key": KEY,
    b"Sec-WebSocket-Protocol": b"graphql-transport-ws",
}


class Through(GatewayWebSocketProtocol):
    """A WebSocket that reads each handshake with the parser of websockets."""

    @classmethod
    def open_plain(cls, *_: Any, **__: Any) -> bool:
        return False


def encode(lines: list[tuple[bytes, bytes]], target: bytes = b"/graphql") -> bytes:
    head = [b"GET %b HTTP/1.1" % target, *(b"%b: %b" % line for line in lines), b"", b""]
    return b"\r\n".join(head)


async def shake(request: bytes, ws: type[WebSocketsSansIOProtocol]) -> tuple[bytes, bool, dict[str, Any]]:
    """Return the written bytes, whether the connection is closed, and the application's scope."""
    scopes: list[Scope] = []

    async def accept(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        scopes.append(scope)
        await receive()
        chosen = next(iter(scope["subprotocols"]), None)
        await send({"type": "websocket.accept", "subprotocol": chosen})
        await receive()

    config = uvicorn.Config(
        accept, http=GatewayHttpProtocol, ws=ws, lifespan="off", log_config=None, date_header=False
    )
    config.load()
    state = ServerState()
    state.default_headers = [DATE]
    protocol = GatewayHttpProtocol(config=config, server_state=state, app_state={"kept": 1})
    wire = Wire()
    protocol.connection_made(wire)
    protocol.data_received(request)
    for _ in range(5):
        await asyncio.sleep(0)
    current: Any = wire.protocol or protocol
    # Its answer counts, not that the client has left.
    written, is_closed = LIBRARY_DATE.sub(b"", b"".join(wire.written)), wire.is_closed
    current.connection_lost(None)
    await asyncio.gather(*state.tasks)
    scope = dict(scopes[0]) if scopes else {}
    if scope:
        assert isinstance(scope["extensions"].pop(FRAME_WRITER), GatewayWebSocketProtocol)
    return written, is_closed, scope


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({}, b"/graphql"),
        ({b"Sec-WebSocket-Protocol": None}, b"/graphql"),
        ({b"Sec-WebSocket-Protocol": b"graphql-ws,graphql-transport-ws, other"}, b"/graphql"),
        ({b"Connection": b"keep-alive, Upgrade", b"Upgrade": b"WebSocket"}, b"/graphql/?a=%20b"),
        ({b"Origin": b"http://here", b"User-Agent": b"a browser (1)"}, b"/a%20path"),
        ({b"Sec-WebSocket-Extensions": DEFLATE}, b"/graphql"),
        ({b"Sec-WebSocket-Extensions": b"unknown"}, b"/graphql"),
    ],
)
async def test_a_plain_handshake_is_answered_as_the_library_answers_it(
    changes: dict[bytes, bytes | None], target: bytes
) -> None:
    """The same bytes and the same scope."""
    request = encode(
        [(name, value) for name, value in (PLAIN | changes).items() if value is not None], target
    )
    answered = await shake(request, GatewayWebSocketProtocol)
    assert answered == await shake(request, Through)
    assert answered[0].startswith(b"HTTP/1.1 101 ")


NOT_PLAIN = {
    "no key": {b"Sec-WebSocket-Key": None},
    "a short key": {b"Sec-WebSocket-Key": b"dGhl"},
    "a key of other letters": {b"Sec-WebSocket-Key": b"d!hlIHNhbXBsZSBub25jZQ=="},
    "another upgrade": {b"Upgrade": b"websocket, h2c"},
    "a list of connection options": {b"Connection": b"Upgrade, HTTP2-Settings"},
    "a malformed subprotocol": {b"Sec-WebSocket-Protocol": b"graphql ws"},
    "a body": {b"Content-Length": b"0"},
    "letters beyond ASCII": {b"User-Agent": "é".encode()},
    "a long line": {b"Cookie": b"a" * MAX_HEAD_BYTES},
}


@pytest.mark.parametrize("changes", NOT_PLAIN.values(), ids=NOT_PLAIN.keys())
async def test_another_handshake_is_left_to_the_library(changes: dict[bytes, bytes | None]) -> None:
    """And is answered as before, or refused."""
    lines = [(name, value) for name, value in (PLAIN | changes).items() if value is not None]
    assert read_handshake(b"/graphql", [(name.lower(), value) for name, value in lines]) is None
    request = encode(lines)
    assert await shake(request, GatewayWebSocketProtocol) == await shake(request, Through)


async def test_a_repeated_field_is_left_to_the_library() -> None:
    """It refuses two keys, for one."""
    lines = [*PLAIN.items(), (b"Sec-WebSocket-Key", KEY)]
    assert read_handshake(b"/graphql", [(name.lower(), value) for name, value in lines]) is None
    request = encode(lines)
    answered = await shake(request, GatewayWebSocketProtocol)
    assert answered == await shake(request, Through)
    assert answered[0].startswith(b"HTTP/1.1 400 ")


async def test_extensions_in_a_wrong_form_are_left_to_the_library() -> None:
    """The handshake is plain but for them."""
    request = encode([*PLAIN.items(), (b"Sec-WebSocket-Extensions", b"permessage-deflate;;")])
    answered = await shake(request, GatewayWebSocketProtocol)
    assert answered == await shake(request, Through)
    assert answered[0].startswith(b"HTTP/1.1 400 ")


NAMES = st.sampled_from(
    [*PLAIN, b"Origin", b"Sec-WebSocket-Extensions", b"Content-Length", b"Transfer-Encoding", b"X-Other"]
)
VALUES = st.one_of(
    st.sampled_from([*PLAIN.values(), DEFLATE, b"keep-alive, Upgrade", b"0", b"chunked", b""]),
    st.text(st.characters(max_codepoint=0x17F, exclude_characters="\r\n\0"), max_size=12).map(str.encode),
)


@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=3), st.sampled_from([b"/graphql", b"/%C3%A9?q", b"/a?b=%"])
)
@example([(b"X-Other", b" spaces ")], b"/graphql")
@example([(b"X-Other", b"\t")], b"/graphql")
@example([(b"Sec-WebSocket-Protocol", b"")], b"/graphql")
def test_no_handshake_is_answered_otherwise_than_by_the_library(
    changes: list[tuple[bytes, bytes]], target: bytes
) -> None:
    """Fields are put into a plain one, or take the place of others."""
    lines = dict(PLAIN)
    others = []
    for name, value in changes:
        if name in lines and lines[name] in {b"Upgrade", b"websocket"}:
            others.append((name, value))
        else:
            lines[name] = value
    request = encode([*lines.items(), *others], target)
    try:
        asyncio.run(_compare(request))
    except httptools.HttpParserError:
        return


async def _compare(request: bytes) -> None:
    assert await shake(request, GatewayWebSocketProtocol) == await shake(request, Through)
