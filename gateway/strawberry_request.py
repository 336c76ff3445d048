"""What a client sent, read strictly: anything of another shape is refused with words, never with a stack trace."""

import json
from collections.abc import Mapping
from typing import Any

from cross_web import HTTPException
from strawberry.http import GraphQLRequestData

WITH_DOCUMENT = {"subscribe", "start"}


def decode_json(data: str | bytes) -> object:
    """Any JSON value.

    Raises:
        json.JSONDecodeError: not JSON, not UTF-8, nested beyond reason, or with a number of thousands of digits.
    """
    try:
        return json.loads(data)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as exc:
        raise json.JSONDecodeError(f"unreadable ({type(exc).__name__})", "", 0) from exc


def read_request(data: object) -> GraphQLRequestData:
    """The GraphQL request in a decoded body or query string.

    Raises:
        HTTPException: 400, says which part is of the wrong kind.
    """
    if not isinstance(data, Mapping):
        raise HTTPException(400, "expected a JSON object with `query`; batches are not supported")
    return GraphQLRequestData(
        query=_read(data, "query", str, "a string"),
        variables=_read(data, "variables", dict, "an object"),
        operation_name=_read(data, "operationName", str, "a string") or None,
        extensions=_read(data, "extensions", dict, "an object"),
    )


def _read(data: Mapping[str, Any], name: str, kind: type, expected: str) -> Any:
    value = data.get(name)
    if value is not None and not isinstance(value, kind):
        raise HTTPException(400, f"`{name}` is of type {type(value).__name__}: expected {expected} or null")
    return value


def read_message(message: object) -> dict[str, Any] | None:
    """A WebSocket message as the protocol handlers take it, or `None` if it is not of the form of any.

    Absent and null payloads are the same; the handlers only know absent ones.
    """
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return None
    if not isinstance(message.get("id", ""), str):
        return None
    payload = message.get("payload")
    if message["type"] in WITH_DOCUMENT and not (message.get("id") and _has_document(payload)):
        return None
    return {key: value for key, value in message.items() if key != "payload" or value is not None}


def _has_document(payload: object) -> bool:
    return (
        isinstance(payload, dict)
        and isinstance(payload.get("query"), str)
        and isinstance(payload.get("variables"), dict | None)
        and isinstance(payload.get("operationName"), str | None)
    )
