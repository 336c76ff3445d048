"""The HTTP endpoint of GraphQL: JSON responses, streams, and GraphiQL for browsers.

It rejects what a page of another site could make a browser send: bodies must be JSON, and GET only reads.
Link: https://graphql.github.io/graphql-over-http/draft/
"""

import secrets
from functools import partial

import structlog
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from gateway.admission import Admission
from gateway.authentication import Authentication, check_scopes
from gateway.budgets.account import Account
from gateway.budgets.client_accounts import ClientAccounts
from gateway.cache_limits import MAX_CACHED_DOCUMENT, SEEN_KEYS
from gateway.client_connections import RETRY_AFTER_S, ClientConnections
from gateway.client_limits import ClientLimits
from gateway.http.cache_headers import make_cache_headers, matches
from gateway.http.charging import charge, charge_document, refuse_slowly
from gateway.http.multipart import PartFraming
from gateway.http.navigation import may_be_visit
from gateway.http.negotiation import (
    Accepted,
    MediaType,
    accepts_json,
    accepts_only_events,
    choose,
    choose_json,
    parse_accept,
    wants_page,
)
from gateway.http.operation_streams import OperationStreams
from gateway.http.refusals import as_denial, stopping_error
from gateway.http.request_body import (
    ClientDisconnected,
    HttpError,
    discard,
    parse_body,
    read_body,
    read_query_string,
)
from gateway.http.request_cache import RequestCache, make_prepared_requests
from gateway.http.response import VARY, send_error, send_json, send_response
from gateway.http.single_connection import SingleConnections
from gateway.http.sse import RETRY_STREAM, EventFraming
from gateway.http.stream import Framing, HttpExchange, Streams
from gateway.keyed_connections import KeyedConnections
from gateway.lru import SecondSight
from gateway.operations import Operations
from gateway.pages import EXPLORER, Pages, add_security_headers
from gateway.prepared_operation import OperationKind, OperationRejected, PreparedOperation
from gateway.results import encode
from gateway.schema.context import OperationMetadata
from gateway.settings import GatewaySettings
from rates.error_mapping import INTERNAL_ERROR
from rates.errors import AccessDenied, AccessUnavailable, BudgetExhausted

SAFE_METHODS = ("GET", "HEAD")
ALLOWED_METHODS = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
FRAMINGS: dict[MediaType, Framing] = {MediaType.EVENTS: EventFraming(), MediaType.PARTS: PartFraming()}
# Instead of a status that lasts only for a while, the EventSource of a browser gets an empty stream, and comes back. Behind nginx
# it gets the status, which nginx needs to try another gateway.
TEMPORARY = (429, 503)
EVENT_SOURCE_STATUS = "x-ratewire-event-source-status"
RETRY_STREAM_HEADERS = {"content-type": EventFraming.content_type, "cache-control": "no-store"}

log = structlog.get_logger("ratewire.gateway.http")


class HttpEndpoint:
    """Answers HTTP requests for `/graphql`, with security headers."""

    def __init__(
        self,
        operations: Operations,
        settings: GatewaySettings,
        pages: Pages,
        connections: ClientConnections,
        *,
        admission: Admission,
        limits: ClientLimits,
        authentication: Authentication,
        keyed_connections: KeyedConnections,
        clients: ClientAccounts,
    ) -> None:
        self._authentication = authentication
        self._clients, self._accounts = clients, clients.accounts
        self._connections = connections
        self._operations = operations
        self._max_body_bytes = settings.max_body_bytes
        self._read_timeout_s = settings.read_timeout_s
        self._pages = pages
        self._prepared = make_prepared_requests()
        self._seen = SecondSight(SEEN_KEYS)
        self.request_cache = RequestCache(
            operations, self._prepared, self._seen, connections, authentication, clients=clients
        )
        operations.documents.on_removed.append(self.request_cache.clear)
        streams = Streams(
            connections,
            keyed_connections,
            heartbeat_s=settings.stream_heartbeat_s,
            stall_timeout_s=settings.stall_timeout_s,
        )
        self._streams = OperationStreams(
            operations, streams, connections, admission=admission, limits=limits, accounts=clients.accounts
        )
        self._single_connections = SingleConnections(
            operations, settings, streams, self._streams, limits=limits, clients=clients
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False

        async def send_securely(message: Message) -> None:
            nonlocal has_started
            has_started = True
            if message["type"] == "http.response.start":
                message["headers"] = add_security_headers(message["headers"])
            await send(message)

        try:
            await self._answer(scope, receive, send_securely)
        except ClientDisconnected:
            return
        except (HttpError, AccessDenied, AccessUnavailable) as raised:
            if has_started:
                raise
            # A variable of this function that held the error would be a cycle: its traceback refers to this frame.
            await self._refuse(raised, scope, send_securely)
        except Exception:
            # Outermost handler: the client gets an error with an id, and the log the traceback.
            error_id = secrets.token_hex(8)
            log.exception("request failed", error_id=error_id)
            if has_started:
                raise
            error = {
                "message": f"Internal error {error_id}",
                "extensions": {"code": INTERNAL_ERROR, "errorId": error_id},
            }
            media = choose_json(_read_accepted(scope))
            await send_json(send_securely, 500, media, encode({"errors": [error]}))

    async def _refuse(
        self, raised: HttpError | AccessDenied | AccessUnavailable, scope: Scope, send: Send
    ) -> None:
        error = raised if isinstance(raised, HttpError) else await self._deny(raised, scope)
        accepted = _read_accepted(scope)
        if error.status in TEMPORARY and _is_event_source(scope, accepted):
            await send_response(send, 200, RETRY_STREAM, RETRY_STREAM_HEADERS)
            return
        await send_error(
            send, choose_json(accepted), error.status, str(error), error.headers, extensions=error.extensions
        )

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        accepted = parse_accept(Headers(scope=scope).get("accept"))
        method = scope["method"]
        if method == "OPTIONS":
            await send_response(send, 204, b"", {"allow": ALLOWED_METHODS})
            return
        if method not in (*SAFE_METHODS, "POST", "PUT", "DELETE"):
            raise HttpError(
                405, f"the method is {method[:20]}: expected {ALLOWED_METHODS}", {"allow": ALLOWED_METHODS}
            )
        if method in SAFE_METHODS and may_be_visit(scope["query_string"]) and wants_page(accepted):
            page = await self._pages.page(EXPLORER, Headers(scope=scope), vary=VARY)
            await page(scope, receive, send)
            return
        if (refusal := self._connections.refusal) is not None:
            raise HttpError(503, refusal, {"retry-after": str(RETRY_AFTER_S)})
        principal = self._single_connections.find_holder(scope) if method == "GET" else None
        if principal is None:
            principal = await self._authentication.authenticate(scope["headers"])
        if self._single_connections.concerns(scope):
            if self._connections.is_closed:
                raise stopping_error()
            await self._single_connections.answer(HttpExchange(scope, receive, send, principal))
            return
        exchange = HttpExchange(scope, receive, send, principal)
        account = self._clients.of_scope(scope, principal)
        try:
            self._accounts.check(account)
        except BudgetExhausted as exc:
            await discard(receive)
            raise await refuse_slowly(account, exc) from exc
        operation = await self._read(scope, receive, account)
        await self._execute(operation, accepted, exchange, account)

    async def _read(
        self, scope: Scope, receive: Receive, account: Account
    ) -> PreparedOperation | OperationRejected:
        limit, is_safe = self._max_body_bytes, scope["method"] in SAFE_METHODS
        if is_safe:
            raw = scope["query_string"]
        else:
            raw = await read_body(scope, receive, max_bytes=limit, timeout_s=self._read_timeout_s)
        if prepared := self._prepared.get((is_safe, raw)):
            return prepared
        request = read_query_string(raw, max_bytes=limit) if is_safe else parse_body(raw)
        removals = self._operations.documents.removals
        try:
            # A client without a limit pays for nothing.
            pays = None if account.limits is None else partial(charge_document, self._accounts, account)
            prepared = await self._operations.prepare_in_turn(request, account, pays)
        except OperationRejected as exc:
            return exc
        # One that registers its document does so each time. One whose document was removed meanwhile is answered the last time.
        registers = request.document_id is not None and request.registers
        may_keep = not registers and self._operations.documents.removals == removals
        if may_keep and prepared.kind is OperationKind.QUERY and len(raw) <= MAX_CACHED_DOCUMENT:
            self._keep(is_safe, raw, prepared)
        return prepared

    def _keep(self, is_safe: bool, raw: bytes, prepared: PreparedOperation) -> None:
        """Keep an operation that came before, in these bytes."""
        if self._seen.admits((is_safe, raw)) and self._operations.is_worth_keeping(prepared):
            self._prepared.put((is_safe, raw), prepared.without_document())

    async def _execute(
        self,
        operation: PreparedOperation | OperationRejected,
        accepted: Accepted,
        exchange: HttpExchange,
        account: Account,
    ) -> None:
        if operation.kind is OperationKind.MUTATION and exchange.scope["method"] in SAFE_METHODS:
            raise HttpError(
                405,
                f"the method is {exchange.scope['method']}: expected POST for a mutation",
                {"allow": "POST"},
            )
        # Before all that may refuse it: it was parsed, and compared with the schema.
        operation = await charge(self._accounts, account, operation)
        if isinstance(operation, PreparedOperation) and not operation.scopes <= exchange.principal.scopes:
            check_scopes(exchange.principal, operation.scopes)
        media = choose(accepted, operation.kind)
        if media is None:
            # A client that accepts JSON sent an unsuitable operation, not an unsuitable header.
            raise HttpError(400 if accepts_json(accepted) else 406, _list_accepted_types(operation.kind))
        if framing := FRAMINGS.get(media):
            await self._streams.answer(framing, operation, exchange, account)
        elif isinstance(operation, PreparedOperation):
            await self._send_result(operation, media, exchange, account)
        else:
            # For the older type the status says only whether the transport worked.
            status = 400 if media is MediaType.RESPONSE else 200
            await send_json(
                exchange.send, status, media, encode({"errors": operation.errors}), account.headers
            )

    async def _send_result(
        self, operation: PreparedOperation, media: MediaType, exchange: HttpExchange, account: Account
    ) -> None:
        metadata = OperationMetadata(principal=exchange.principal)
        is_safe = exchange.scope["method"] in SAFE_METHODS
        result = await self._operations.answer(operation, metadata, account, is_kept=is_safe)
        headers = make_cache_headers(result, metadata, media) if is_safe else {}
        if headers and matches(Headers(scope=exchange.scope).get("if-none-match"), headers["etag"]):
            await send_response(exchange.send, 304, b"", headers)
            return
        # What a cache keeps would tell others of this client's budget.
        await send_json(exchange.send, 200, media, result.body, headers or account.headers)

    async def _deny(self, error: AccessDenied | AccessUnavailable, scope: Scope) -> HttpError:
        await self._clients.deny(error, scope)
        return as_denial(error)


def _read_accepted(scope: Scope) -> Accepted:
    return parse_accept(Headers(scope=scope).get("accept"))


def _is_event_source(scope: Scope, accepted: Accepted) -> bool:
    """Tell whether the client gives up for good at any status but 200, without help of a proxy."""
    return (
        scope["method"] == "GET"
        and accepts_only_events(accepted)
        and EVENT_SOURCE_STATUS not in Headers(scope=scope)
    )


def _list_accepted_types(kind: OperationKind | None) -> str:
    if kind is OperationKind.SUBSCRIPTION:
        return (
            "a subscription is answered by a stream: expected Accept: text/event-stream or "
            "multipart/mixed;subscriptionSpec=1.0, or a WebSocket at this address"
        )
    return "expected Accept: application/graphql-response+json, application/json or text/event-stream"
