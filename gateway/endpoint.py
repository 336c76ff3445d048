"""`/graphql`: Strawberry's HTTP and WebSocket protocols as a plain ASGI app, hardened where a client's input ended badly."""

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import structlog
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import MissingQueryError
from strawberry.http import GraphQLRequestData
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from gateway.operations import Operations
from gateway.pages import read_page
from gateway.schema.build import RatesSchema
from gateway.schema.context import Context
from gateway.settings import GatewaySettings
from gateway.strawberry_request import decode_json, read_request
from gateway.transports.socket import SocketTransport
from rates.verdicts import INTERNAL_ERROR

log = structlog.get_logger("ratewire.gateway.endpoint")


class TooLargeError(Exception):
    """A request body beyond the limit."""


class GraphQLEndpoint(GraphQL[Context, None]):
    """The endpoint, and the WebSockets that are open on it."""

    def __init__(
        self, schema: RatesSchema, context: Context, settings: GatewaySettings, static_directory: Path
    ) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
        )
        self._context = context
        self._max_body_bytes = settings.max_body_bytes
        self._static_directory = static_directory
        self._sockets = SocketTransport(Operations(schema, context, settings), settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._sockets(scope, receive, send)
        else:
            response = await self._respond(Request(scope, self._limited(receive)))
            await response(scope, receive, send)

    async def close_sockets(self) -> None:
        """Tell every open WebSocket that the server goes away; clients come back, to another replica or to the next start."""
        await self._sockets.close_all()

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        del request, response
        return self._context

    def should_render_graphql_ide(self, request: Any) -> bool:
        """Never: browsers got their page before."""
        del request
        return False

    def decode_json(self, data: str | bytes) -> object:
        return decode_json(data)

    def encode_json(self, data: object) -> str:
        return msgspec.json.encode(data).decode()

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        if request.method == "GET":
            return read_request(self.parse_query_params(request.query_params))
        # Only this type, because a page elsewhere can send the others without asking the browser first.
        if (request.content_type or "").partition(";")[0].strip().lower() != "application/json":
            raise HTTPException(415, "expected Content-Type: application/json")
        return read_request(self.parse_json(await request.get_body()))

    async def execute_operation(  # noqa: PLR0917 - Strawberry's signature
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        request_data: GraphQLRequestData | list[GraphQLRequestData],
        context: Context,
        root_value: None,
        sub_response: Response,
    ) -> ExecutionResult:
        """Queries only: a subscription has no single answer."""
        del request, request_adapter, root_value, sub_response
        assert isinstance(request_data, GraphQLRequestData)
        try:
            return await self.schema.execute(
                request_data.query,
                variable_values=request_data.variables,
                context_value=context,
                operation_name=request_data.operation_name,
                allowed_operation_types={OperationType.QUERY},
            )
        except MissingQueryError as exc:
            raise HTTPException(400, "no `query` in the request") from exc
        except CannotGetOperationTypeError as exc:
            raise HTTPException(400, exc.as_http_error_reason()) from exc
        except InvalidOperationTypeError as exc:
            raise HTTPException(400, "subscriptions go over WebSocket at this address") from exc

    async def _respond(self, request: Request) -> Response:
        try:
            if _wants_page(request):
                return read_page(self._static_directory, "graphiql.html")
            return await self.run(request)
        except HTTPException as exc:
            return _refusal(exc.status_code, exc.reason)
        except TooLargeError:
            return _refusal(413, f"the body is too large: expected at most {self._max_body_bytes} bytes")
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            # Outermost: whatever it is, the client gets an answer and the log the reason.
            error_id = secrets.token_hex(8)
            log.exception("request failed", error_id=error_id)
            return _refusal(500, f"Internal error {error_id}", {"code": INTERNAL_ERROR, "errorId": error_id})

    def _limited(self, receive: Receive) -> Receive:
        """`receive`, which gives up on a body beyond the limit as soon as it is."""
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                raise TooLargeError
            return message

        return receive_limited


def _wants_page(request: Request) -> bool:
    """Whether this is a person's browser opening the address."""
    asks = parse_qs(request.url.query, keep_blank_values=True)
    return (
        request.method == "GET" and "query" not in asks and "text/html" in request.headers.get("accept", "")
    )


def _refusal(status: int, message: str, extensions: dict[str, str] | None = None) -> Response:
    error = {"message": message, "extensions": extensions or {"code": "BAD_REQUEST"}}
    return Response(msgspec.json.encode({"errors": [error]}), status, media_type="application/json")
