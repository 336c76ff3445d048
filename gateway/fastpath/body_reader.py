"""Reading of request bodies without decoding the variables; what is not plain is refused.

What it refuses is read, or reported, by `gateway.request`. It accepts nothing that is refused there.
"""

from functools import lru_cache
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from gateway.request import PERSISTED_QUERY, MalformedRequest, decode_json

MAX_EXTENSIONS = 64
MAX_EXTENSIONS_BYTES = 1_000
_EMPTY = b"{}"


class ReadBody(NamedTuple):
    """The parts of a body. `variables` are the JSON of an object, or of something else."""

    query: str
    operation_name: str | None
    variables: bytes


class _Body(msgspec.Struct, rename="camel"):
    query: str
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
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    # Every string has two quotation marks, those within it are escaped: so others in the body belong to what was not read.
    quotes = 4 + read.query.count('"')
    name = read.operation_name
    if name is not UNSET:
        quotes += 2 if name is None else 4 + name.count('"')
    variables = _EMPTY
    if read.variables is not UNSET:
        variables = bytes(read.variables)
        quotes += 2 + variables.count(b'"')
    if read.extensions is not UNSET:
        extensions = bytes(read.extensions)
        quotes += 2 + extensions.count(b'"')
        if len(extensions) > MAX_EXTENSIONS_BYTES or not _are_plain(extensions):
            return None
    if body.count(b'"') != quotes or not read.query:
        return None
    return ReadBody(read.query, name or None, _EMPTY if variables == b"null" else variables)


@lru_cache(MAX_EXTENSIONS)
def _are_plain(extensions: bytes) -> bool:
    """Tell whether they are null, or an object without an identifier of the document.

    All clients of one make send the same.
    """
    try:
        # One level deep, as in the body: the depth is limited.
        value = decode_json(b"[%b]" % extensions)
    except MalformedRequest:
        return False
    if not isinstance(value, list) or not isinstance(value[0], dict | None):
        return False
    # The document is compared with its identifier, and registered.
    return PERSISTED_QUERY not in (value[0] or {})
