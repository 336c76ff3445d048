"""Requests of the single connection mode of graphql-sse: reserve, open, execute, stop.

Link: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
"""

import asyncio
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from access.principal import Principal
from gateway.authentication import check_scopes
from gateway.budgets.account import Account
from gateway.budgets.client_accounts import ClientAccounts
from gateway.budgets.points_wait import POINTS_WAIT_S
from gateway.client_limits import ClientLimitReached, ClientLimits, read_address
from gateway.credentials import read_credential
from gateway.http.charging import charge_in_time, charge_result, reject
from gateway.http.event_streams import MAX_ID_LENGTH, EventStreams
from gateway.http.json_type import STREAM_HEADER
from gateway.http.navigation import is_navigation
from gateway.http.operation_streams import OperationStreams
from gateway.http.refusals import limit_error
from gateway.http.request_body import HttpError, discard, parse_body, read_body, read_query_string
from gateway.http.request_target import STREAM_PARAMETER
from gateway.http.response import send_response
from gateway.http.sse import EventFraming
from gateway.http.stream import HttpExchange, Streams
from gateway.operations import Operations
from gateway.prepared_operation import OperationKind, OperationRejected, PreparedOperation
from gateway.request import GraphQLRequest
from gateway.schema.context import OperationMetadata
from gateway.settings import GatewaySettings
from rates.errors import BudgetExhausted, CacheUnavailable

# nginx sends all requests of a stream to the gateway that this value leads to.
ROUTE_HEADER = "x-ratewire-stream-route"
OPERATION_ID = "operationId"
TEXT = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}
EMPTY = {"cache-control": "no-store", "content-length": "0"}


class SingleConnections:
    """Answers the requests of this mode: PUT, DELETE, and those with the token of a stream."""

    def __init__(
        self,
        operations: Operations,
        settings: GatewaySettings,
        streams: Streams,
        operation_streams: OperationStreams,
        *,
        limits: ClientLimits,
        clients: ClientAccounts,
    ) -> None:
        self._clients = clients
        self._operations = operations
        self._max_body_bytes, self._read_timeout_s = settings.max_body_bytes, settings.read_timeout_s
        self._is_alone = settings.workers == 1
        self._streams, self._operation_streams = streams, operation_streams
        self._reserved = EventStreams(limits, max_running=settings.max_subscriptions)

    @staticmethod
    def concerns(scope: Scope) -> bool:
        """Tell whether a request is one of this mode."""
        return scope["method"] in {"PUT", "DELETE"} or read_token(scope) is not None

    def find_holder(self, scope: Scope) -> Principal | None:
        """Return who reserved the stream that a GET without a key opens, else `None`.

        A browser's `EventSource` sends no header: the token stands for the key.
        """
        if not is_navigation(scope["query_string"]):
            return None
        token = read_token(scope)
        if token is None or read_credential(scope["headers"]) is not None:
            return None
        return self._reserved.holder_of(token)

    async def answer(self, exchange: HttpExchange) -> None:
        """Answer a request of this mode.

        Raises:
            HttpError: it cannot be answered.
            Forbidden: the operation needs another scope.
        """
        scope, receive, send, principal = exchange
        method, token = scope["method"], read_token(scope)
        if method == "PUT":
            await self._reserve(exchange)
        elif token is None:
            raise HttpError(400, f"the request has no token: expected the header {STREAM_HEADER}")
        elif method == "DELETE":
            await self._stop(token, scope, send)
        elif method != "POST" and is_navigation(scope["query_string"]):
            await self._open(token, exchange)
        else:
            await self._execute(token, scope, receive, send, principal)

    async def _reserve(self, exchange: HttpExchange) -> None:
        scope, receive, send, principal = exchange
        if not self._is_alone:
            raise HttpError(
                501,
                "this gateway has several processes, and requests of one stream would reach different ones: "
                "use WebSocket, or a stream for each operation",
            )
        await discard(receive)
        try:
            token = self._reserved.reserve(
                read_address(scope),
                self._clients.of_scope(scope, principal),
                Headers(scope=scope).get(ROUTE_HEADER),
                principal,
            )
        except ClientLimitReached as exc:
            raise limit_error(exc) from exc
        body = token.encode()
        await send_response(send, 201, body, {**TEXT, "content-length": str(len(body))})

    async def _open(self, token: str, exchange: HttpExchange) -> None:
        if exchange.scope["method"] == "HEAD":
            self._reserved.find(token)
            await send_response(exchange.send, 200, b"", {"content-type": EventFraming.content_type})
            return
        stream = self._reserved.open(token)
        if stream.principal.key_id != exchange.principal.key_id:
            exchange = exchange._replace(principal=stream.principal)
        try:
            await self._streams.serve(EventFraming(), stream.run, exchange)
        finally:
            self._reserved.end(token)

    async def _stop(self, token: str, scope: Scope, send: Send) -> None:
        stream = self._reserved.find(token)
        parameters = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=20)
        (operation, *_) = parameters.get(OPERATION_ID, [""])
        stream.stop(_check_id(operation))
        await send_response(send, 200, b"", EMPTY)

    async def _execute(
        self, token: str, scope: Scope, receive: Receive, send: Send, principal: Principal
    ) -> None:
        stream = self._reserved.find(token)
        request = await self._read(scope, receive)
        operation = _check_id((request.extensions or {}).get(OPERATION_ID))
        stream.check_free(operation)
        account = self._clients.of_scope(scope, stream.principal)
        prepared = await self._prepare(request, account)
        if isinstance(prepared, PreparedOperation):
            check_scopes(principal, prepared.scopes)
        is_subscription = prepared.kind is OperationKind.SUBSCRIPTION
        if is_subscription:
            await self._operation_streams.wait_for_turn()
        # The stream may have ended meanwhile.
        stream = self._reserved.find(token)
        opened = None
        try:
            if isinstance(prepared, PreparedOperation) and prepared.stream is not None:
                opened = self._clients.accounts.open_stream(account, prepared.stream)
            metadata = OperationMetadata(principal=stream.principal, stream=opened)
            stream.add(operation, self._operation_streams.results(prepared, metadata, account), opened)
        except (ClientLimitReached, HttpError) as exc:
            if opened is not None:
                opened.close()
            if isinstance(exc, HttpError):
                raise
            raise limit_error(exc) from exc
        await send_response(send, 202, b"", EMPTY)

    async def _prepare(
        self, request: GraphQLRequest, account: Account
    ) -> PreparedOperation | OperationRejected:
        """Prepare and charge an operation.

        A rejection is a result, as on every stream: the client would take a status for trouble of the network, and try again.
        """
        accounts = self._clients.accounts
        prepared: PreparedOperation | OperationRejected
        # An operation waits for one slot, however often it is refused.
        has_waited = False

        async def charge_document(points: int) -> None:
            await charge_in_time(
                account, lambda: accounts.charge_document(account, points), has_waited=has_waited
            )

        try:
            accounts.check(account)
        except BudgetExhausted as exc:
            has_waited = True
            await asyncio.sleep(account.refusals.take())
            if exc.retry_ms / 1000 > POINTS_WAIT_S:
                return reject(exc, None)
        try:
            prepared = await self._operations.prepare_in_turn(request, account, charge_document)
        except OperationRejected as exc:
            prepared = exc
        except (BudgetExhausted, CacheUnavailable) as exc:
            return reject(exc, None)
        return await charge_result(accounts, account, prepared, has_waited=has_waited)

    async def _read(self, scope: Scope, receive: Receive) -> GraphQLRequest:
        limit = self._max_body_bytes
        if scope["method"] != "POST":
            return read_query_string(scope["query_string"], max_bytes=limit)
        return parse_body(await read_body(scope, receive, max_bytes=limit, timeout_s=self._read_timeout_s))


def read_token(scope: Scope) -> str | None:
    """Return the token of a stream in the header or the query string of a request."""
    token = Headers(scope=scope).get(STREAM_HEADER)
    if token is None and STREAM_PARAMETER in scope["query_string"]:
        parameters = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=20)
        token = parameters.get("token", [None])[0]
    return token


def _check_id(operation: object) -> str:
    if not isinstance(operation, str) or not 0 < len(operation) <= MAX_ID_LENGTH:
        raise HttpError(
            400,
            f"`{OPERATION_ID}` is missing or not an id: expected a string of 1 to {MAX_ID_LENGTH} characters",
        )
    return operation
