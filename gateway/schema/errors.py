"""Errors as clients see them: a code and details, or only an id for internal errors."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from graphql import GraphQLError, GraphQLSyntaxError

from gateway.schema.scalars import format_time
from gateway.schema.wording import reword_document_error, reword_value_error, without_suggestion
from gateway.trusted_documents.document_store import (
    DocumentError,
    DocumentHashMismatch,
    DocumentRefused,
    IdsNotSupported,
    UnknownDocument,
)
from rates import errors
from rates.error_mapping import GRAPHQL_CODES, INTERNAL_ERROR
from rates.errors import RatesError

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
INTROSPECTION_DISABLED = "INTROSPECTION_DISABLED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT = "BAD_USER_INPUT"
PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
PERSISTED_QUERY_HASH_MISMATCH = "PERSISTED_QUERY_HASH_MISMATCH"
TRUSTED_DOCUMENT_REQUIRED = "TRUSTED_DOCUMENT_REQUIRED"
_DOCUMENT_ERRORS: dict[type[DocumentError], tuple[str, str]] = {
    # The client sends documents from then on.
    IdsNotSupported: ("PersistedQueryNotSupported", PERSISTED_QUERY_NOT_SUPPORTED),
    # The client sends the document with its hash.
    UnknownDocument: ("PersistedQueryNotFound", PERSISTED_QUERY_NOT_FOUND),
    DocumentHashMismatch: (
        "the identifier beside the document is of another one: expected sha256: and the hash of the document in UTF-8",
        PERSISTED_QUERY_HASH_MISMATCH,
    ),
    DocumentRefused: (
        "the request has a document: expected `documentId` alone, of a document that the operator trusts",
        TRUSTED_DOCUMENT_REQUIRED,
    ),
}
MAX_CAUSES = 10

log = structlog.get_logger("ratewire.gateway.graphql")


def to_public_error(error: GraphQLError) -> GraphQLError:
    """Return the error as clients see it. Applying it twice changes nothing."""
    if error.extensions and "code" in error.extensions:
        return error
    if isinstance(error, GraphQLSyntaxError):
        return _shown(error, error.message, {"code": PARSE_FAILED})
    for cause in _causes(error):
        if isinstance(cause, RatesError) and (code := GRAPHQL_CODES[type(cause)]) != INTERNAL_ERROR:
            return _shown(error, str(cause), {"code": code, **_details(cause)})
    if _is_too_deep(error):
        return _shown(error, "the document is nested too deeply", {"code": PARSE_FAILED})
    if isinstance(_origin(error), GraphQLError):
        return _shown(error, reword_value_error(error.message), {"code": BAD_USER_INPUT})
    return _masked(error)


def document_error(error: DocumentError) -> GraphQLError:
    """Return the error of a request whose document is not to be had, or not allowed.

    Apollo's and urql's clients compare the messages of the first two.
    """
    message, code = _DOCUMENT_ERRORS[type(error)]
    return GraphQLError(message, extensions={"code": code})


def mark_invalid(error: GraphQLError, *, hides_suggestions: bool = False) -> GraphQLError:
    """Return a validation error as clients see it."""
    presented = to_public_error(error)
    if presented.extensions and presented.extensions.get("code") != BAD_USER_INPUT:
        return presented
    message = reword_document_error(error.message)
    if hides_suggestions:
        # Some of the library's rules suggest all the same.
        message = without_suggestion(message)
    return _shown(error, message, {"code": VALIDATION_FAILED})


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors behind `error`, from the outermost in."""
    cause: BaseException | None = error
    for _ in range(MAX_CAUSES):
        cause = getattr(cause, "original_error", None) or (cause.__cause__ if cause else None)
        if cause is None:
            return
        yield cause


def _origin(error: GraphQLError) -> Exception:
    """Return the exception that was raised.

    A `GraphQLError` is the library's own finding about the request, so its cause does not count.
    """
    origin: Exception = error
    for _ in range(MAX_CAUSES):
        if not isinstance(origin, GraphQLError) or origin.original_error is None:
            break
        origin = origin.original_error
    return origin


def _is_too_deep(error: GraphQLError) -> bool:
    """Tell whether the parser ran out of stack: it has no path yet, unlike a resolver."""
    return isinstance(error.original_error, RecursionError) and error.path is None


def describe(error: RatesError) -> dict[str, Any]:
    """Return the extensions of an error that is shown to clients."""
    return {"code": GRAPHQL_CODES[type(error)], **_details(error)}


def _details(error: RatesError) -> dict[str, Any]:
    """Return the details that programs use, under their names in the API."""
    tell = _DETAILS.get(type(error))
    return tell(error) if tell else {}


def _no_path(error: errors.NoConversionPath) -> dict[str, Any]:
    return {
        "from": error.start,
        "to": error.end,
        "maxLegs": error.max_legs,
        "legsNeeded": error.legs_needed,
        "fromReaches": list(error.from_reaches),
        "toReachedFrom": list(error.to_reached_from),
        "stablecoinsAsUsdHelps": error.pegs_would_help,
    }


def _stale(error: errors.RateStale) -> dict[str, Any]:
    return {
        "symbol": error.symbol,
        "source": error.source,
        "ageMs": error.age_ms,
        "maxAgeMs": error.max_age_ms,
        **(
            {}
            if error.max_trade_age_ms is None
            else {"tradeAgeMs": error.trade_age_ms, "maxTradeAgeMs": error.max_trade_age_ms}
        ),
    }


def _halted(error: errors.NotTrading) -> dict[str, Any]:
    return {
        "symbol": error.symbol,
        "source": error.source,
        "sourceStatus": error.word,
        "haltedSince": error.since.isoformat(),
    }


_DETAILS: dict[type[RatesError], Callable[[Any], dict[str, Any]]] = {
    errors.InvalidSymbol: lambda error: {
        "expected": "BASE/QUOTE in upper case, e.g. BTC/USDT",
        "suggestion": error.suggestion,
    },
    errors.InvalidArgument: lambda error: {"argument": error.name, "expected": error.expected},
    errors.UnknownSymbol: lambda error: {
        "symbol": error.symbol,
        "near": list(error.near),
        "sources": list(error.sources),
    },
    errors.UnknownAsset: lambda error: {
        "asset": error.asset,
        "near": list(error.near),
        "sources": list(error.sources),
    },
    errors.NoConversionPath: _no_path,
    errors.RateStale: _stale,
    errors.NotTrading: _halted,
    errors.SuspectIdentity: lambda error: {
        "symbol": error.symbol,
        "source": error.source,
        "suspectSince": error.since.isoformat(),
    },
    errors.QueryTooExpensive: lambda error: {"cost": error.cost, "limit": error.limit},
    errors.BudgetExhausted: lambda error: {
        "cost": error.cost,
        "limit": error.limit,
        "remaining": error.remaining,
        "retryAfterMs": error.retry_ms,
        "resetsAt": format_time(error.resets_at),
    },
    errors.TooManyLiveQueries: lambda error: {"limit": error.limit, "scope": "GATEWAY"},
    errors.RateNotSeen: lambda error: {"symbol": error.symbol, "source": error.source},
    errors.SourceDown: lambda error: {"symbol": error.symbol, "source": error.source},
    errors.Unauthenticated: lambda error: {"reason": error.reason.value},
    errors.Forbidden: lambda error: {
        "reason": error.reason.value,
        **({} if error.scope is None else {"scope": error.scope}),
        **({} if error.origin is None else {"origin": error.origin}),
    },
}


def describe_error(error: RatesError) -> dict[str, Any]:
    """Return message and extensions of an error beside an operation."""
    return {"message": str(error), "extensions": {"code": GRAPHQL_CODES[type(error)], **_details(error)}}


def _masked(error: GraphQLError) -> GraphQLError:
    error_id = secrets.token_hex(8)
    log.error("internal error", error_id=error_id, path=error.path, exc_info=error.original_error or error)
    return _shown(error, f"Internal error {error_id}", {"code": INTERNAL_ERROR, "errorId": error_id})


def _shown(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
