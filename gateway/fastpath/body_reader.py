"""Reading of request bodies without decoding the variables; what is not plain is refused.

What it refuses is read, or reported, by `gateway.request`. It accepts nothing that is refused there.
"""

from functools import lru_cache
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from gateway.cache_limits import (
    BODY_FRAME_BYTES,
    MAX_BODY_FRAME,
    MAX_BODY_FRAMES,
    MAX_BODY_FRAMES_BYTES,
    SEEN_KEYS,
)
from gateway.lru import BoundedLru, SecondSight
from gateway.request import MalformedRequest, decode_json, read_hash

MAX_EXTENSIONS = 64
MAX_EXTENSIONS_BYTES = 1_000
_EMPTY = b"{}"
_VARIABLES = b'"variables"'
# Stand-ins for the variables of a body. With one only, another member of the body could have it as its value.
_PROBES = (b'{"a":1}', b'{"b":2}')


class ReadBody(NamedTuple):
    """The parts of a body, which has either a document or its identifier.

    `variables` are the JSON of an object, or of something else.
    """

    query: str
    operation_name: str | None
    variables: bytes
    document_id: str | None = None


class _Frame(NamedTuple):
    """All of a body but its variables: what is behind them, and the parts without them."""

    after: bytes
    parts: ReadBody


class BodyReader:
    """Reads bodies, and knows the frames of those that clients send again with other variables.

    What is before and behind the variables decides how they are read, so a known frame is not decoded again.
    """

    def __init__(self) -> None:
        self._frames: BoundedLru[bytes, _Frame] = BoundedLru(
            size=MAX_BODY_FRAMES,
            weight=MAX_BODY_FRAMES_BYTES,
            weigh=lambda before, frame: BODY_FRAME_BYTES + 3 * (len(before) + len(frame.after)),
        )
        self._seen = SecondSight(SEEN_KEYS)

    def read(self, body: bytes) -> ReadBody | None:
        """Return the parts of a body, or `None`: as `read_body_parts`.

        The variables of a known frame are any bytes: whoever decodes them refuses what is no object.
        """
        start = body.find(b"{", body.find(_VARIABLES) + 1)
        if start <= 0:
            return read_body_parts(body)
        before = body[:start]
        frame = self._frames.get(before)
        if frame is not None and body.endswith(frame.after, start):
            query, name, _, document_id = frame.parts
            return ReadBody(query, name, body[start : len(body) - len(frame.after)], document_id)
        parts = read_body_parts(body)
        if parts is not None:
            self._learn(before, body[start + len(parts.variables) :], parts)
        return parts

    def _learn(self, before: bytes, after: bytes, parts: ReadBody) -> None:
        """Keep a frame that comes again, if its variables are between these bytes."""
        key = before, after
        if len(before) + len(after) > MAX_BODY_FRAME or not self._seen.admits(key):
            return
        frame = _Frame(after, parts._replace(variables=_EMPTY))
        if all(
            read_body_parts(before + probe + after) == frame.parts._replace(variables=probe)
            for probe in _PROBES
        ):
            self._frames.put(before, frame)


class _Body(msgspec.Struct, rename="camel"):
    query: str | UnsetType = UNSET
    document_id: str | UnsetType = UNSET
    variables: msgspec.Raw | UnsetType = UNSET
    operation_name: str | UnsetType | None = UNSET
    extensions: msgspec.Raw | UnsetType = UNSET


_decode = msgspec.json.Decoder(_Body).decode


def read_body_parts(body: bytes) -> ReadBody | None:
    """Return the parts of a body, or `None` if it has others, a part twice, or is no such JSON."""
    # An escape may stand for a quotation mark, or for half a character.
    if b"\\u" in body:
        return None
    try:
        read = _decode(body)
        # Every string has two quotation marks, those within it are escaped: so others in the body belong to what was not read.
        if body.count(b'"') != _count_quotes(read):
            return None
        query, hashed = read.query or "", _find_hash(read)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, MalformedRequest):
        return None
    # As in `gateway.request`.
    document_id = read.document_id or hashed
    # A document with its identifier is compared with that, and registered.
    if bool(query) == bool(document_id):
        return None
    variables = _EMPTY if read.variables is UNSET else bytes(read.variables)
    if variables == b"null":
        variables = _EMPTY
    return ReadBody(query, read.operation_name or None, variables, document_id)


def _count_quotes(read: _Body) -> int:
    """Return the number of quotation marks of a body with these parts."""
    quotes = 0
    for text in (read.query, read.document_id, read.operation_name):
        if text is not UNSET:
            quotes += 2 if text is None else 4 + text.count('"')
    for raw in (read.variables, read.extensions):
        if raw is not UNSET:
            quotes += 2 + bytes(raw).count(b'"')
    return quotes


def _find_hash(read: _Body) -> str | None:
    """Return the identifier of the document in the extensions.

    Raises:
        MalformedRequest: they are neither null nor an object, or too long to be kept.
    """
    if read.extensions is UNSET:
        return None
    extensions = bytes(read.extensions)
    if len(extensions) > MAX_EXTENSIONS_BYTES:
        raise MalformedRequest("the extensions are long")
    return _read_hash(extensions)


@lru_cache(MAX_EXTENSIONS)
def _read_hash(extensions: bytes) -> str | None:
    """Return the identifier of the document in the extensions, as `parse_request` does.

    All requests of one client for a document have the same.

    Raises:
        MalformedRequest: neither null nor an object.
    """
    # One level deep, as in the body: the depth is limited.
    value = decode_json(b"[%b]" % extensions)
    if not isinstance(value, list) or not isinstance(value[0], dict | None):
        raise MalformedRequest("the extensions are no object")
    return read_hash(value[0])
