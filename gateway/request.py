"""Strict parsing of GraphQL requests. Malformed input is rejected with a clear message."""

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.trusted_documents.document_id import normalize_hash

# Arguments of the schema need 2 levels, a request around them 2 more. Python's JSON codecs handle far more.
MAX_JSON_DEPTH = 100
BYTE_ORDER_MARK = "\ufeff"
PERSISTED_QUERY = "persistedQuery"
SHA256_HASH = "sha256Hash"
DOCUMENT_ID = "documentId"
_JSON_TYPES = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}
# The pattern matches a whole string at once, even an unterminated one, so the time is linear.
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


class MalformedRequest(Exception):
    """The input is not a GraphQL request; the message names what was found and expected."""


class GraphQLRequest(msgspec.Struct, frozen=True):
    """A GraphQL request in the form that all transports share.

    `document_id` names the document. `query` is empty in a request that has only the name; with both, a client registers a document.
    """

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None
    document_id: str | None = None

    @property
    def registers(self) -> bool:
        """Whether the request has a document and its identifier."""
        return bool(self.query) and self.document_id is not None


def decode_json(data: str | bytes) -> object:
    """Decode any JSON value in UTF-8. A byte order mark before it is ignored [RFC 8259, 8.1].

    Raises:
        MalformedRequest: not JSON, not UTF-8, nested too deeply, with a number of thousands of digits, with NaN or Infinity, or with
            a duplicate key in an object: parsers differ in which value they take.
    """
    try:
        text = (data if isinstance(data, str) else data.decode()).lstrip(BYTE_ORDER_MARK)
        _check_depth(text)
        value = _DECODER.decode(text)
        if "\\ud" in text.lower():
            # An unpaired surrogate can be written as an escape but not encoded: the response that quotes it would fail.
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as exc:
        raise MalformedRequest(f"not JSON: {exc}") from exc
    except UnicodeError as exc:
        raise MalformedRequest("not UTF-8: expected JSON in UTF-8") from exc
    except RecursionError as exc:
        raise MalformedRequest("the JSON is nested too deeply") from exc
    except ValueError as exc:
        raise MalformedRequest("the JSON has a number that is too long") from exc
    return value


def _check_depth(text: str) -> None:
    """Reject deep nesting before any object is built."""
    if text.count("{") + text.count("[") <= MAX_JSON_DEPTH:
        return
    depth = 0
    for match in _BRACKET.finditer(text):
        bracket = match[0]
        if bracket in "[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                raise MalformedRequest(
                    f"the JSON is nested too deeply: expected at most {MAX_JSON_DEPTH} levels"
                )
        elif bracket in "]}":
            depth -= 1


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in value if keys.count(key) > 1)
        raise MalformedRequest(
            f"the JSON has the key {twice[:60]!r} twice in one object: expected unique keys"
        )
    return value


def _refuse_constant(name: str) -> None:
    raise MalformedRequest(f"not JSON: {name} is not a JSON value")


# Made once: `json.loads` would make one for each text.
_DECODER = json.JSONDecoder(object_pairs_hook=_read_object, parse_constant=_refuse_constant)


def parse_request(data: object) -> GraphQLRequest:
    """Parse the GraphQL request in a decoded body, query string or message payload.

    Raises:
        MalformedRequest: names the part that is missing or of the wrong type.
    """
    if not isinstance(data, Mapping):
        raise MalformedRequest("not a JSON object: expected one with `query`; batches are not supported")
    query = _read(data, "query", str, "a string")
    extensions = _read(data, "extensions", dict, "an object")
    document_id = _read_document_id(data, extensions)
    if query is None and document_id is None:
        raise MalformedRequest("the request has no `query`: expected a GraphQL document, or its `documentId`")
    return GraphQLRequest(
        query or "",
        variables=_read(data, "variables", dict, "an object"),
        operation_name=_read(data, "operationName", str, "a string") or None,
        extensions=extensions,
        document_id=document_id,
    )


def _read_document_id(data: Mapping[str, Any], extensions: Mapping[str, Any] | None) -> str | None:
    """Return the identifier of the document.

    In `documentId`, or in the extension of Apollo's and urql's clients.
    """
    document_id = _read(data, DOCUMENT_ID, str, "a string")
    return str(document_id) if document_id else read_hash(extensions)


def read_hash(extensions: Mapping[str, Any] | None) -> str | None:
    """Return the identifier of the document whose hash Apollo's and urql's clients send."""
    persisted = (extensions or {}).get(PERSISTED_QUERY)
    value = persisted.get(SHA256_HASH) if isinstance(persisted, dict) else None
    return normalize_hash(value) if isinstance(value, str) and value else None


def _read(data: Mapping[str, Any], name: str, kind: type, expected: str) -> Any:
    value = data.get(name)
    if value is not None and not isinstance(value, kind):
        or_null = "" if name == "query" else " or null"
        raise MalformedRequest(f"`{name}` is {_JSON_TYPES[type(value)]}: expected {expected}{or_null}")
    return value
