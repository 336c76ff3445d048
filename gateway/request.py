"""What a client sent, read strictly: anything of another shape is refused with words, never with a stack trace."""

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

# Arguments of the schema need 2; a request around them 2 more. Far below where Python's own readers and writers give up.
MAX_JSON_DEPTH = 100
# Strings are skipped in one piece, unfinished ones too, so that the time is linear.
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


class MalformedRequest(Exception):
    """No GraphQL request can be read from what was sent; the message says what was seen and what was expected."""


class GraphQLRequest(msgspec.Struct, frozen=True):
    """A GraphQL request in the form that all transports share."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


def decode_json(data: str | bytes) -> object:
    """Any JSON value in UTF-8.

    Raises:
        MalformedRequest: not JSON, not UTF-8, nested beyond reason, with a number of thousands of digits or none, or with one
            key twice in one object: readers differ in which of the two they take.
    """
    try:
        text = data if isinstance(data, str) else data.decode()
        _check_depth(text)
        value = json.loads(text, object_pairs_hook=_read_object, parse_constant=_refuse_constant)
        if "\\ud" in text.lower():
            # Half a surrogate pair can be escaped but not encoded: it would break the answer that quotes it.
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as exc:
        raise MalformedRequest(f"no JSON: {exc}") from exc
    except UnicodeError as exc:
        raise MalformedRequest("no JSON: expected UTF-8") from exc
    except RecursionError as exc:
        raise MalformedRequest("the JSON is nested too deeply") from exc
    except ValueError as exc:
        raise MalformedRequest("the JSON has a number that is too long") from exc
    return value


def _check_depth(text: str) -> None:
    """Before anything is built of it."""
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
        raise MalformedRequest(f"the JSON has the key {twice[:60]!r} twice in one object")
    return value


def _refuse_constant(name: str) -> None:
    raise MalformedRequest(f"no JSON: {name} is not a JSON value")


def parse_request(data: object) -> GraphQLRequest:
    """The GraphQL request in a decoded body, query string or message payload.

    Raises:
        MalformedRequest: says which part is missing or of the wrong kind.
    """
    if not isinstance(data, Mapping):
        raise MalformedRequest("expected a JSON object with `query`; batches are not supported")
    query = _read(data, "query", str, "a string")
    if query is None:
        raise MalformedRequest("no `query` in the request")
    return GraphQLRequest(
        query,
        variables=_read(data, "variables", dict, "an object"),
        operation_name=_read(data, "operationName", str, "a string") or None,
        extensions=_read(data, "extensions", dict, "an object"),
    )


def _read(data: Mapping[str, Any], name: str, kind: type, expected: str) -> Any:
    value = data.get(name)
    if value is not None and not isinstance(value, kind):
        raise MalformedRequest(
            f"`{name}` is of type {type(value).__name__}: expected {expected} or null"
            if name != "query"
            else f"`query` is of type {type(value).__name__}: expected {expected}"
        )
    return value
