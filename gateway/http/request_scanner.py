"""Reads a request that has arrived whole: only the parts on which its response depends.

A request of a real client has a head of its own, so it is not known by its bytes. Most of its headers matter to nobody.
"""

import re
from typing import NamedTuple

import httptools

from gateway.credentials import CREDENTIAL_HEADERS
from gateway.pages import Header

VERSION = "1.1"
# The headers that decide how a request is answered, or that it is not answered on the fast path.
RELEVANT = frozenset(
    {
        b"accept",
        b"content-encoding",
        b"content-type",
        b"expect",
        b"host",
        b"if-none-match",
        b"origin",
        b"transfer-encoding",
        b"x-forwarded-for",
        b"x-graphql-event-stream-token",
    }
)


_HEAD_END = b"\r\n\r\n"
_NEXT = (b"POST ", b"GET ")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,7})[ \t]*\r\n", re.IGNORECASE)


class WholeRequest(NamedTuple):
    """A request on a connection that stays open. `headers` are those of `RELEVANT`.

    `credentials` are those with a key. They are apart: what is kept of a request must be the same for all who send it.
    """

    method: bytes
    target: bytes
    headers: tuple[Header, ...]
    body: bytes
    credentials: tuple[Header, ...] = ()


def find_end(data: bytes) -> int | None:
    """Return where the first of several requests in `data` may end.

    `None` if no other one seems to follow.

    Only `RequestScanner` tells whether the bytes before are one whole request.
    """
    end = data.find(_HEAD_END)
    if end < 0:
        return None
    length = _LENGTH.search(data, 0, end + 2)
    end += len(_HEAD_END) + (0 if length is None else int(length[1]))
    return end if data.startswith(_NEXT, end) else None


class _SecondRequest(Exception):
    """A second request begins in the bytes of the first one."""


class RequestScanner:
    """Scans the bytes of one request after the other. It keeps nothing of them."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._clear()

    def _clear(self) -> None:
        self._begun = self._completed = 0
        self._target = self._body = b""
        self._headers: list[Header] = []
        self._credentials: list[Header] = []
        self._is_plain = self._has_trailers = False

    def scan(self, data: bytes) -> WholeRequest | None:
        """Return the request in `data`, or `None` for anything but one whole and ordinary request."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._reset()
            return None
        if not (self._begun == self._completed == 1 and self._is_plain) or self._has_trailers:
            # The next bytes are of another connection, which goes on where this one may not.
            self._reset()
            return None
        found = WholeRequest(
            self._parser.get_method(),
            self._target,
            tuple(self._headers),
            self._body,
            tuple(self._credentials),
        )
        self._clear()
        return found

    def on_message_begin(self) -> None:
        """Stop at a second request."""
        self._begun += 1
        if self._begun > 1:
            raise _SecondRequest

    def on_url(self, url: bytes) -> None:
        """Add to the request target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a relevant header. Fields behind the body are not of the head [RFC 9110, 6.5.1]."""
        if self._is_plain:
            self._has_trailers = True
            return
        name = name.lower()
        if name in RELEVANT:
            self._headers.append((name, value))
        elif name in CREDENTIAL_HEADERS:
            self._credentials.append((name, value))

    def on_headers_complete(self) -> None:
        """Note whether the connection stays what it is."""
        parser = self._parser
        self._is_plain = (
            parser.get_http_version() == VERSION
            and parser.should_keep_alive()
            and not parser.should_upgrade()
        )

    def on_body(self, body: bytes) -> None:
        """Add to the body."""
        self._body = self._body + body if self._body else body

    def on_message_complete(self) -> None:
        """Count the request."""
        self._completed += 1
