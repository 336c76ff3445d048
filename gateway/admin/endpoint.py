"""The admin API over HTTP: POST with a key of the scope `admin`, nothing for anybody else."""

from typing import Any

from graphql import GraphQLError, parse
from starlette.types import Receive, Scope, Send

from access.authority import KeyAuthority
from access.key_admin import KeyAdmin
from access.scope import AccessScope
from gateway.admin.context import AdminContext
from gateway.admin.schema import build_admin_schema, format_errors
from gateway.authentication import check_page, check_scopes
from gateway.budgets.account_registry import Accounts
from gateway.credentials import read_credential
from gateway.http.negotiation import MediaType
from gateway.http.refusals import as_denial
from gateway.http.request_body import ClientDisconnected, HttpError, discard, parse_body, read_body
from gateway.http.response import send_error, send_json
from gateway.pages import SecurityHeaders
from gateway.request import GraphQLRequest
from gateway.results import encode
from rates.errors import AccessDenied, AccessUnavailable, DenialReason, Unauthenticated

ADMIN_PATH = "/admin/graphql"
MAX_BODY_BYTES = 100_000
READ_TIMEOUT_S = 10.0
MAX_TOKENS = 1_000
ADMIN = frozenset({AccessScope.ADMIN})


class AdminEndpoint:
    """An ASGI application. Whatever a key does here is done in its name."""

    def __init__(self, authority: KeyAuthority, admin: KeyAdmin, accounts: Accounts) -> None:
        self._authority, self._admin, self._accounts = authority, admin, accounts
        self._schema = build_admin_schema()
        self._app = SecurityHeaders(self._answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._execute(scope, receive, send)
        except ClientDisconnected:
            return
        except (HttpError, AccessDenied, AccessUnavailable) as raised:
            if not isinstance(raised, HttpError):
                self._accounts.note_denied(raised)
            exc = raised if isinstance(raised, HttpError) else as_denial(raised)
            await send_error(
                send, MediaType.RESPONSE, exc.status, str(exc), exc.headers, extensions=exc.extensions
            )

    async def _execute(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].rstrip("/") != ADMIN_PATH:
            await discard(receive)
            raise HttpError(404, f"nothing is at this path: expected {ADMIN_PATH}")
        if scope["method"] != "POST":
            raise HttpError(405, f"the method is {scope['method'][:20]}: expected POST", {"allow": "POST"})
        admin = self._admin.acting_as(await self._authenticate(scope))
        request = parse_body(
            await read_body(scope, receive, max_bytes=MAX_BODY_BYTES, timeout_s=READ_TIMEOUT_S)
        )
        await send_json(send, 200, MediaType.RESPONSE, encode(await self._run(request, admin)))

    async def _authenticate(self, scope: Scope) -> str:
        """Return the name of the sender for the audit log."""
        text = read_credential(scope["headers"])
        if text is None:
            raise Unauthenticated(DenialReason.MISSING)
        principal = await self._authority.verify(text)
        check_scopes(principal, ADMIN)
        if principal.origins:
            check_page(principal, scope["headers"])
        return f"key:{principal.key_id}"

    async def _run(self, request: GraphQLRequest, admin: KeyAdmin) -> dict[str, Any]:
        try:
            # Bounded before anything else reads it.
            parse(request.query, max_tokens=MAX_TOKENS)
        except GraphQLError as exc:
            return {"errors": format_errors([exc])}
        except RecursionError as exc:
            error = GraphQLError("the document is nested too deeply", original_error=exc)
            return {"errors": format_errors([error])}
        result = await self._schema.execute(
            request.query,
            variable_values=request.variables,
            context_value=AdminContext(admin, self._accounts.activity, self._authority.keys),
            operation_name=request.operation_name,
        )
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = format_errors(result.errors)
        return answer
