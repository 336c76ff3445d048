"""Results of operations as JSON, with internal errors masked."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, NamedTuple

import msgspec
from graphql import ExecutionResult, GraphQLError

from gateway.budgets.open_stream import OpenStream
from gateway.schema.errors import to_public_error

Result = dict[str, Any]
THROTTLED = {"throttled": True}
"""The extensions of results of a throttled subscription."""


class QueryResult(NamedTuple):
    """The result of a query as JSON."""

    body: bytes
    has_errors: bool


def encode(result: Result) -> bytes:
    """Encode a result as JSON."""
    return msgspec.json.encode(result)


def encode_result(result: Result) -> QueryResult:
    """Encode the result of a query."""
    return QueryResult(encode(result), has_errors="errors" in result)


async def format_each(results: Any, stream: OpenStream | None = None) -> AsyncGenerator[Result, None]:
    """Format the results of a subscription; a failure is the last one.

    Those of a throttled one say so.
    """
    async with aclosing(results):
        try:
            async for result in results:
                formatted = format_result(result)
                if stream is not None and stream.is_throttled and not result.errors:
                    formatted["extensions"] = THROTTLED
                yield formatted
        except Exception as exc:  # noqa: BLE001 - outermost: shown or masked, logged, and sent as the last result
            yield _error_result(exc)


async def with_error_result(results: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Pass on encoded results. A failure is the last one."""
    async with aclosing(results):
        try:
            async for result in results:
                yield result
        except Exception as exc:  # noqa: BLE001 - outermost, as above
            yield encode_error(exc)


async def encode_each(results: AsyncGenerator[Result, None]) -> AsyncGenerator[bytes, None]:
    """Encode results as JSON."""
    async with aclosing(results):
        async for result in results:
            yield encode(result)


def encode_error(error: Exception) -> bytes:
    """Encode the last result of a failed subscription, with its error masked if internal."""
    return encode(_error_result(error))


def _error_result(exc: Exception) -> Result:
    error = exc if isinstance(exc, GraphQLError) else GraphQLError(str(exc), original_error=exc)
    return {"errors": [to_public_error(error).formatted]}


def format_result(result: ExecutionResult) -> Result:
    """Format the result of an execution as a response of GraphQL."""
    formatted: Result = {"data": result.data}
    if result.errors:
        formatted["errors"] = [to_public_error(error).formatted for error in result.errors]
    if result.extensions:
        formatted["extensions"] = result.extensions
    return formatted
