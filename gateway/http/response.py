"""Single responses over HTTP, in two ASGI messages."""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from gateway.http.negotiation import MediaType, choose_json, parse_accept
from gateway.http.request_body import HttpError, discard
from gateway.results import encode

# Browsers of allowed pages get CORS headers. A shared cache must not give them an answer to a request without an origin.
VARY = "Accept, Origin"
CODES = {503: "SERVICE_UNAVAILABLE"}


def json_headers(media: MediaType, length: int, headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the headers of a JSON response, which is not cached unless `headers` say otherwise."""
    named = {"content-type": f"{media.value}; charset=utf-8", "cache-control": "no-store", **(headers or {})}
    return {**named, "content-length": str(length)}


def encode_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Encode headers for ASGI, with `Vary`."""
    return [(name.encode(), value.encode()) for name, value in {"vary": VARY, **headers}.items()]


async def send_json(
    send: Send, status: int, media: MediaType, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    """Send a JSON response."""
    await send_response(send, status, body, json_headers(media, len(body), headers))


async def send_error(
    send: Send,
    media: MediaType,
    status: int,
    message: str,
    headers: Mapping[str, str] | None = None,
    *,
    extensions: Mapping[str, Any] | None = None,
) -> None:
    """Send an error of the HTTP request in the form of GraphQL errors."""
    error = {"message": message, "extensions": extensions or {"code": CODES.get(status, "BAD_REQUEST")}}
    await send_json(send, status, media, encode({"errors": [error]}), headers)


async def refuse(error: HttpError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request whatever its content with `error`, as an ASGI application."""
    headers = Headers(scope=scope)
    if "expect" not in headers:
        await discard(receive)
    media = choose_json(parse_accept(headers.get("accept")))
    await send_error(send, media, error.status, str(error), error.headers, extensions=error.extensions)


async def send_response(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    """Send status, headers and body."""
    await send({"type": "http.response.start", "status": status, "headers": encode_headers(headers)})
    await send({"type": "http.response.body", "body": body})
