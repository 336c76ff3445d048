"""GraphQL over HTTP: one answer as JSON, or a stream for a client that wants one; a page for people.

Refuses what a foreign page could make a browser send: bodies must be JSON, and GET only reads.
Link: https://graphql.github.io/graphql-over-http/draft/
"""

import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import structlog
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from gateway.operations import OperationKind, Operations, Prepared, Refused, Result, encode
from gateway.pages import read_page
from gateway.request import GraphQLRequest
from gateway.schema.context import Notes
from gateway.settings import GatewaySettings
from gateway.transports.caching import cache_control, entity_tag, matches
from gateway.transports.multipart import PartFraming
from gateway.transports.negotiation import (
    MediaType,
    Range,
    accepts_json,
    choose,
    choose_json,
    parse_accept,
    wants_page,
)
from gateway.transports.reading import ClientGone, RefusedRequest, read_body, read_query_string
from gateway.transports.response import send_error, send_json, send_whole
from gateway.transports.sse import EventFraming
from gateway.transports.streaming import Client, Framing, Streams
from rates.verdicts import INTERNAL_ERROR

READING = ("GET", "HEAD")
ALLOWED = "GET, HEAD, POST, OPTIONS"
FRAMINGS: dict[MediaType, Framing] = {MediaType.EVENTS: EventFraming(), MediaType.PARTS: PartFraming()}

log = structlog.get_logger("ratewire.gateway.http")


class HttpTransport:
    """The HTTP side of the endpoint."""

    def __init__(self, operations: Operations, settings: GatewaySettings, static_directory: Path) -> None:
        self._operations = operations
        self._max_body_bytes = settings.max_body_bytes
        self._read_timeout_s = settings.read_timeout_s
        self._static_directory = static_directory
        self._streams = Streams(
            heartbeat_s=settings.stream_heartbeat_s, stall_timeout_s=settings.stall_timeout_s
        )

    async def close(self) -> None:
        """End the streams; single answers take no time."""
        await self._streams.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def send_noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        accepted = parse_accept(Headers(scope=scope).get("accept"))
        try:
            await self._answer(accepted, scope, receive, send_noted)
        except ClientGone:
            return
        except RefusedRequest as exc:
            await send_error(send, choose_json(accepted), exc.status, str(exc), exc.headers)
        except Exception:
            # Outermost: whatever it is, the client gets an answer and the log the reason.
            error_id = secrets.token_hex(8)
            log.exception("request failed", error_id=error_id)
            if has_begun:
                raise
            error = {
                "message": f"Internal error {error_id}",
                "extensions": {"code": INTERNAL_ERROR, "errorId": error_id},
            }
            await send_json(send, 500, choose_json(accepted), encode({"errors": [error]}))

    async def _answer(self, accepted: Sequence[Range], scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        if method == "OPTIONS":
            await send_whole(send, 204, b"", {"allow": ALLOWED})
            return
        if method not in (*READING, "POST"):
            raise RefusedRequest(405, f"the method is {method[:20]}: expected {ALLOWED}", {"allow": ALLOWED})
        if method in READING and _is_visit(scope) and wants_page(accepted):
            page = read_page(self._static_directory, "graphiql.html")
            page.headers["vary"] = "Accept"
            await page(scope, receive, send)
            return
        request = await self._read(scope, receive)
        await self._execute(request, accepted, Client(scope, receive, send))

    async def _read(self, scope: Scope, receive: Receive) -> GraphQLRequest:
        limit = self._max_body_bytes
        if scope["method"] in READING:
            return read_query_string(scope["query_string"], max_bytes=limit)
        return await read_body(scope, receive, max_bytes=limit, timeout_s=self._read_timeout_s)

    async def _execute(self, request: GraphQLRequest, accepted: Sequence[Range], client: Client) -> None:
        operation = self._prepare(request)
        if operation.kind is OperationKind.MUTATION and client.scope["method"] in READING:
            raise RefusedRequest(405, "a mutation needs POST", {"allow": "POST"})
        media = choose(accepted, operation.kind)
        if media is None:
            # Who accepts JSON has asked the wrong thing, not in the wrong way.
            raise RefusedRequest(400 if accepts_json(accepted) else 406, _offer(operation.kind))
        if framing := FRAMINGS.get(media):
            await self._stream(framing, operation, client)
        elif isinstance(operation, Prepared):
            await self._send_result(operation, media, client)
        else:
            # The older type leaves the status to the transport, which did its part.
            status = 400 if media is MediaType.RESPONSE else 200
            await send_json(client.send, status, media, encode({"errors": operation.errors}))

    def _prepare(self, request: GraphQLRequest) -> Prepared | Refused:
        try:
            return self._operations.prepare(request)
        except Refused as exc:
            return exc

    async def _send_result(self, operation: Prepared, media: MediaType, client: Client) -> None:
        notes = Notes()
        result = await self._operations.execute(operation, notes)
        body = encode(result)
        headers = {}
        if client.scope["method"] in READING and (kept := cache_control(result, notes)):
            headers = {"cache-control": kept, "etag": entity_tag(body, media.value)}
            if matches(Headers(scope=client.scope).get("if-none-match"), headers["etag"]):
                await send_whole(client.send, 304, b"", headers)
                return
        await send_json(client.send, 200, media, body, headers)

    async def _stream(self, framing: Framing, operation: Prepared | Refused, client: Client) -> None:
        if self._streams.is_closing:
            raise RefusedRequest(503, "the server stops: come back", {"retry-after": "1"})
        if client.scope["method"] == "HEAD":
            await send_whole(client.send, 200, b"", {"content-type": framing.content_type})
            return
        notes = Notes()
        if framing.media_type is MediaType.EVENTS:
            notes.resume_from = Headers(scope=client.scope).get("last-event-id") or None
        await self._streams.serve(framing, self._results(operation, notes), notes, client)

    async def _results(self, operation: Prepared | Refused, notes: Notes) -> AsyncGenerator[Result, None]:
        """All results, whatever the kind. What was refused is one too: a stream that is open has no other way to say so."""
        if isinstance(operation, Refused):
            yield {"errors": operation.errors}
        elif operation.kind is OperationKind.SUBSCRIPTION:
            try:
                results = await self._operations.subscribe(operation, notes)
            except Refused as exc:
                yield {"errors": exc.errors}
                return
            async with aclosing(results):
                async for result in results:
                    yield result
        else:
            yield await self._operations.execute(operation, notes)


def _is_visit(scope: Scope) -> bool:
    return not any(part.partition(b"=")[0] == b"query" for part in scope["query_string"].split(b"&"))


def _offer(kind: OperationKind | None) -> str:
    if kind is OperationKind.SUBSCRIPTION:
        return (
            "a subscription is answered by a stream: expected Accept: text/event-stream or "
            "multipart/mixed;subscriptionSpec=1.0, or a WebSocket at this address"
        )
    return "expected Accept: application/graphql-response+json, application/json or text/event-stream"
