"""GraphQL requests in bodies and query strings, and the status of rejected ones."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from gateway.request import GraphQLRequest, MalformedRequest, decode_json, parse_request

MAX_PARAMETERS = 20
PARAMETERS = ("query", "documentId", "variables", "operationName", "extensions")
IN_JSON = ("variables", "extensions")
# A client that is still sending when it is rejected may not read the response: what arrives in this time is discarded first.
DISCARD_TIMEOUT_S = 0.5


class ClientDisconnected(Exception):
    """The client has disconnected; no response is needed."""


class HttpError(Exception):
    """A rejected HTTP request, with the status and headers of the response."""

    def __init__(
        self,
        status: int,
        message: str,
        headers: Mapping[str, str] | None = None,
        *,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        self.status, self.headers = status, dict(headers or {})
        self.extensions = extensions
        super().__init__(message)


def read_query_string(raw: bytes, *, max_bytes: int) -> GraphQLRequest:
    """Parse the request in a query string.

    Raises:
        HttpError: 400 or 414.
    """
    if len(raw) > max_bytes:
        raise HttpError(414, f"the query string has {len(raw)} bytes: expected at most {max_bytes}")
    try:
        text = raw.decode()
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeError as exc:
        raise HttpError(400, "the query string cannot be read: expected UTF-8") from exc
    except ValueError as exc:
        raise HttpError(
            400, f"the query string has too many parameters: expected at most {MAX_PARAMETERS}"
        ) from exc
    try:
        return parse_request(_collect(pairs))
    except MalformedRequest as exc:
        raise HttpError(400, str(exc)) from exc


def _collect(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name, value in pairs:
        if name in data:
            raise HttpError(400, f"the query string has `{name}` twice: expected it once")
        if name in PARAMETERS and value:
            data[name] = value
    for name in IN_JSON:
        if name in data:
            try:
                data[name] = decode_json(data[name])
            except MalformedRequest as exc:
                raise _unreadable(f"`{name}`", exc) from exc
    return data


def parse_body(body: bytes) -> GraphQLRequest:
    """Parse the request in a JSON body.

    Raises:
        HttpError: 400.
    """
    try:
        data = decode_json(body)
    except MalformedRequest as exc:
        raise _unreadable("the body", exc) from exc
    try:
        return parse_request(data)
    except MalformedRequest as exc:
        raise HttpError(400, str(exc)) from exc


async def read_body(scope: Scope, receive: Receive, *, max_bytes: int, timeout_s: float) -> bytes:
    """Receive the body, which must be JSON: pages of other sites can send other types freely.

    Raises:
        HttpError: 408, 413 or 415.
        ClientDisconnected: the client left before the end.
    """
    headers = Headers(scope=scope)
    try:
        check_type(headers)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and (len(declared) > 15 or int(declared) > max_bytes):
            raise _too_large(max_bytes)
        async with asyncio.timeout(timeout_s):
            return await _receive_all(receive, max_bytes)
    except TimeoutError as exc:
        raise HttpError(
            408, f"the body is not complete after {timeout_s:g} s", {"connection": "close"}
        ) from exc
    except HttpError as exc:
        exc.headers["connection"] = "close"
        if "expect" not in headers:
            await discard(receive)
        raise


def check_type(headers: Mapping[str, str]) -> None:
    """Reject a body that is not plain JSON by its headers.

    Raises:
        HttpError: 415.
    """
    kind, _, parameters = headers.get("content-type", "").partition(";")
    if kind.strip().lower() != "application/json":
        raise HttpError(
            415,
            f"`Content-Type` is {kind.strip()[:40]!r}: expected application/json",
            {"accept-post": "application/json"},
        )
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip(' "').lower() not in {"utf-8", "utf8"}:
            raise HttpError(415, f"the `charset` is {value.strip()[:40]!r}: expected utf-8")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise HttpError(
            415,
            f"the body is encoded as {encoding[:40]!r}: expected no encoding",
            {"accept-encoding": "identity"},
        )


def _too_large(max_bytes: int) -> HttpError:
    return HttpError(413, f"the body is too large: expected at most {max_bytes} bytes")


async def _receive_all(receive: Receive, max_bytes: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        body += message.get("body", b"")
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        if not message.get("more_body", False):
            return bytes(body)


async def discard(receive: Receive) -> None:
    """Discard the rest of a body for a while: a client may read only after it has sent all."""
    try:
        async with asyncio.timeout(DISCARD_TIMEOUT_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _unreadable(what: str, error: MalformedRequest) -> HttpError:
    return HttpError(400, f"{what} cannot be read: {error}")
