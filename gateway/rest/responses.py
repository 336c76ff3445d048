"""Responses over plain HTTP, cacheable as long as nothing of them changes, and errors."""

from datetime import timedelta

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from access.plan import Plan
from gateway.budgets.rate_limit_fields import refusal_headers
from gateway.client_connections import RETRY_AFTER_S
from gateway.http.cache_headers import entity_tag, matches
from gateway.http.refusals import as_denial
from gateway.schema.errors import describe, describe_error
from rates.error_mapping import GRAPHQL_CODES
from rates.errors import (
    AccessDenied,
    AccessUnavailable,
    BackendUnavailable,
    BudgetExhausted,
    CacheUnavailable,
    InvalidInput,
    RatesError,
    UnknownSymbol,
)

JSON_TYPE = "application/json"


def respond(request: Request, body: bytes, content_type: str, lasts: timedelta) -> Response:
    """Return a response, or a 304 if the client has it."""
    tag = entity_tag(body, content_type)
    seconds = max(0, int(lasts.total_seconds()))
    headers = {
        "cache-control": f"public, max-age={seconds}, must-revalidate",
        "etag": tag,
        "vary": "Accept, Origin",
    }
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers={**headers, "content-type": f"{content_type}; charset=utf-8"})


def respond_to_error(error: RatesError) -> Response:
    """Return an error in the form of GraphQL's."""
    status = 404 if isinstance(error, UnknownSymbol) else 400 if isinstance(error, InvalidInput) else 503
    return _make_error(
        status, str(error), GRAPHQL_CODES[type(error)], is_temporary=isinstance(error, BackendUnavailable)
    )


def refuse(reason: str) -> Response:
    """Return the error of a gateway that cannot answer for a while."""
    return _make_error(503, reason, GRAPHQL_CODES[CacheUnavailable], is_temporary=True)


def deny(error: AccessDenied | AccessUnavailable) -> Response:
    """Return the response to a request whose key does not count, or not for this."""
    denial = as_denial(error)
    content = {"errors": [describe_error(error)]}
    headers = {"cache-control": "no-store", "content-type": f"{JSON_TYPE}; charset=utf-8", **denial.headers}
    return Response(msgspec.json.encode(content), status_code=denial.status, headers=headers)


def refuse_spent(error: BudgetExhausted, plan: Plan) -> Response:
    """Return the response to a client whose budget is spent."""
    content = {"errors": [{"message": str(error), "extensions": describe(error)}]}
    headers = {
        "cache-control": "no-store",
        "content-type": f"{JSON_TYPE}; charset=utf-8",
        **refusal_headers(error, plan),
    }
    return Response(msgspec.json.encode(content), status_code=429, headers=headers)


def _make_error(status: int, message: str, code: str, *, is_temporary: bool) -> Response:
    content = {"errors": [{"message": message, "extensions": {"code": code}}]}
    headers = {"cache-control": "no-store", "content-type": f"{JSON_TYPE}; charset=utf-8"}
    if is_temporary:
        headers["retry-after"] = str(RETRY_AFTER_S)
    return Response(msgspec.json.encode(content), status_code=status, headers=headers)
