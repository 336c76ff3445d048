"""Checks of the head of a request, and the head without `Upgrade`. Pure.

Links: https://www.rfc-editor.org/rfc/rfc9110#section-7.8, https://www.rfc-editor.org/rfc/rfc9112#section-3.2 and #section-6.1,
https://www.rfc-editor.org/rfc/rfc6455#section-4.4
"""

import re
from collections.abc import Iterable

from gateway.http.request_body import HttpError
from gateway.pages import Header

WEBSOCKET_VERSION = b"13"
OLD_VERSION = "1.0"
# `uri-host [ ":" port ]`, or nothing for a target without an authority. RFC 3986, 3.2.
_HOST = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?", re.ASCII
)
# Only the next server needs them, or the protocol that is not switched to.
_OF_UPGRADE = frozenset({b"upgrade", b"http2-settings"})
_CLOSE = {"connection": "close"}


def find_head_error(version: str, headers: Iterable[Header]) -> HttpError | None:
    """Return why a request must not be answered by its content, or `None`."""
    hosts, encodings = [], []
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"transfer-encoding":
            encodings.append(value)
    if encodings and (error := _find_encoding_error(version, b",".join(encodings))):
        return error
    if len(hosts) == 1 and _HOST.fullmatch(hosts[0]):
        return None
    if not hosts and version == OLD_VERSION:
        return None
    seen = " and ".join(repr(host[:60].decode("latin-1")) for host in hosts[:3]) or "missing"
    return HttpError(400, f"`Host` is {seen}: expected one host, with a port or without", _CLOSE)


def find_handshake_error(headers: Iterable[Header]) -> HttpError | None:
    """Return why the handshake of a WebSocket speaks another version, or `None`."""
    versions = [value for name, value in headers if name == b"sec-websocket-version"]
    if versions == [WEBSOCKET_VERSION]:
        return None
    seen = ", ".join(value[:20].decode("latin-1") for value in versions[:3]) or "missing"
    expected = WEBSOCKET_VERSION.decode()
    return HttpError(
        426,
        f"`Sec-WebSocket-Version` is {seen}: expected {expected}",
        {"sec-websocket-version": expected, "upgrade": "websocket", "connection": "upgrade, close"},
    )


def encode_without_upgrade(method: bytes, target: bytes, version: str, headers: Iterable[Header]) -> bytes:
    """Encode a head without its offer to switch to another protocol."""
    lines = [b"%b %b HTTP/%b" % (method, target, version.encode())]
    for name, value in headers:
        if name == b"connection":
            options = [option.strip() for option in value.split(b",")]
            kept = b", ".join(option for option in options if option.lower() not in _OF_UPGRADE)
            if kept:
                lines.append(b"connection: " + kept)
        elif name not in _OF_UPGRADE:
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join([*lines, b"", b""])


def _find_encoding_error(version: str, encoding: bytes) -> HttpError | None:
    if version == OLD_VERSION:
        return HttpError(400, "HTTP/1.0 has no `Transfer-Encoding`: expected `Content-Length`", _CLOSE)
    codings = [coding.strip().lower() for coding in encoding.split(b",") if coding.strip()]
    if codings == [b"chunked"]:
        return None
    shown = encoding[:60].decode("latin-1")
    if codings.count(b"chunked") > 1:
        return HttpError(400, f"`Transfer-Encoding` is {shown!r}: expected `chunked` once", _CLOSE)
    return HttpError(501, f"`Transfer-Encoding` is {shown!r}: expected `chunked`", _CLOSE)
