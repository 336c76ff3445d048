"""Reading of request bodies without decoding the variables; what is not plain is refused.

What it refuses is read, or reported, by `gateway.request`. It accepts nothing that is refused there.
"""

from functools import lru_cache
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from gateway.request import MalformedRequest, decode_json, read_hash

MAX_EXTENSIONS = 64
MAX_EXTENSIONS_BYTES = 1_000
_EMPTY = b"{}"


class ReadBody(NamedTuple):
    """The parts of a body, which has either a document or its identifier.

    `variables` are the JSON of an object, or of something else.
    """

    query: str
    operation_name: str | None
    variables: bytes
    document_id: str | None = None


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
