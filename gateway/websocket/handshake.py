"""Plain handshakes of WebSockets [RFC 6455, 4.2], from a head that is parsed. Pure.

A handshake that is not plain is left to the websockets library, which parses its head again and says what is wrong with it.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha1
from typing import NamedTuple

Header = tuple[bytes, bytes]

# The library accepts lines of 8 KiB, and 128 of them.
MAX_HEAD_BYTES = 8_000
MAX_HEADERS = 100
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_PRINTABLE = re.compile(rb"[\x20-\x7e\n]*")
_TOKENS = re.compile(rb"[-!#$%&'*+.^_`|~0-9a-zA-Z]+(?:, ?[-!#$%&'*+.^_`|~0-9a-zA-Z]+)*")
_OFFERS = frozenset({b"upgrade", b"keep-alive, upgrade"})
_WEBSOCKET, _VERSION = b"websocket", b"13"
_START = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
)


class Handshake(NamedTuple):
    """The wishes of a client. `accept` proves that its key was read."""

    accept: bytes
    subprotocols: list[str]
    extensions: str | None


def read_handshake(target: bytes, headers: Sequence[Header]) -> Handshake | None:
    """Read a plain handshake; `None` for another one. Names of `headers` are in lower case."""
    fields = dict(headers)
    values = b"\n".join([b"", target, *fields.values(), b""])
    protocols = fields.get(b"sec-websocket-protocol")
    key = fields.get(b"sec-websocket-key", b"")
    if (
        len(fields) != len(headers)
        or len(headers) > MAX_HEADERS
        or len(values) > MAX_HEAD_BYTES
        or _PRINTABLE.fullmatch(values) is None
        or b" \n" in values
        or b"\n " in values
        or fields.get(b"connection", b"").lower() not in _OFFERS
        or fields.get(b"upgrade", b"").lower() != _WEBSOCKET
        or fields.get(b"sec-websocket-version") != _VERSION
        or _KEY.fullmatch(key) is None
        or (protocols is not None and _TOKENS.fullmatch(protocols) is None)
        or b"content-length" in fields
        or b"transfer-encoding" in fields
    ):
        return None
    extensions = fields.get(b"sec-websocket-extensions")
    return Handshake(
        # The hash that the protocol prescribes: it protects nothing.
        b64encode(sha1(key + _GUID, usedforsecurity=False).digest()),
        [each.strip() for each in protocols.decode().split(",")] if protocols else [],
        None if extensions is None else extensions.decode(),
    )


def encode_accepted(
    handshake: Handshake, extensions: str | None, headers: Iterable[Header], subprotocol: str | None
) -> bytes:
    """Encode the response that opens the WebSocket, as uvicorn and websockets do."""
    lines = [_START, handshake.accept]
    if extensions is not None:
        lines.append(b"\r\nSec-WebSocket-Extensions: " + extensions.encode())
    lines += [b"\r\n%b: %b" % (name.lower(), value) for name, value in headers]
    if subprotocol:
        lines.append(b"\r\nSec-WebSocket-Protocol: " + subprotocol.encode())
    lines.append(b"\r\n\r\n")
    return b"".join(lines)
