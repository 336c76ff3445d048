"""GraphQL operations, whatever the transport: prepared once, then executed for one answer or subscribed to for many."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import replace
from enum import Enum
from inspect import isawaitable
from typing import Any, NamedTuple

import msgspec
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    execute,
    get_variable_values,
    subscribe,
)
from strawberry import Schema

from gateway.request import GraphQLRequest
from gateway.schema.context import Context, Notes
from gateway.schema.documents import DocumentCache, Limits
from gateway.schema.errors import present
from gateway.settings import GatewaySettings

# A client with more wrong variables learns of these first.
MAX_VARIABLE_ERRORS = 50

Result = dict[str, Any]


class OperationKind(Enum):
    """What an operation does."""

    QUERY = "query"
    MUTATION = "mutation"
    SUBSCRIPTION = "subscription"


class Failure(Enum):
    """Why a request was refused before anything was executed."""

    SYNTAX = "the document does not parse"
    VALIDATION = "the document does not fit the schema, or is beyond the limits"
    OPERATION = "the document holds no operation of that name, or several without a name given"
    VARIABLES = "the variables do not fit the operation"
    SUBSCRIPTION = "the stream that the operation asks for cannot be made, e.g. for its arguments"


class Refused(Exception):
    """A request that is not executed. `errors` are formatted; `kind` is that of the operation, where it could be told."""

    def __init__(
        self, failure: Failure, errors: Iterable[GraphQLError], kind: OperationKind | None = None
    ) -> None:
        self.failure, self.kind = failure, kind
        self.errors: list[dict[str, Any]] = [dict(error.formatted) for error in errors]
        super().__init__(f"{failure.value}: {self.errors[0]['message']}")


class Prepared(NamedTuple):
    """An operation that is valid, with variables that fit."""

    kind: OperationKind
    request: GraphQLRequest
    document: DocumentNode


class Operations:
    """Executes requests against the schema. This is the plain path: one execution for each reader."""

    def __init__(self, schema: Schema, context: Context, settings: GatewaySettings) -> None:
        self._schema = schema._schema  # noqa: SLF001 - no public way
        self._executor = schema.execution_context_class
        self._context = context
        limits = Limits(settings.max_tokens, settings.max_depth, settings.max_aliases, settings.max_pairs)
        self._documents = DocumentCache(self._schema, limits, size=settings.document_cache_size)

    def prepare(self, request: GraphQLRequest) -> Prepared:
        """Parse, check against limits, validate, choose the operation and check its variables.

        Raises:
            Refused: with all errors of the first step that failed.
        """
        try:
            document, errors = self._documents.read(request.query)
        except GraphQLError as exc:
            raise Refused(Failure.SYNTAX, [present(exc)]) from exc
        except RecursionError as exc:
            error = GraphQLError("the document is nested too deeply", original_error=exc)
            raise Refused(Failure.SYNTAX, [present(error)]) from exc
        operation = _choose(document, request.operation_name)
        kind = None if operation is None else OperationKind(operation.operation.value)
        if errors:
            raise Refused(Failure.VALIDATION, errors, kind)
        if operation is None or kind is None:
            raise Refused(Failure.OPERATION, [present(_not_chosen(document, request.operation_name))])
        wanted = operation.variable_definitions or ()
        values = get_variable_values(self._schema, wanted, request.variables or {}, MAX_VARIABLE_ERRORS)
        if isinstance(values, list):
            raise Refused(Failure.VARIABLES, map(present, values), kind)
        return Prepared(kind, request, document)

    async def execute(self, prepared: Prepared, notes: Notes | None = None) -> Result:
        """The result of a query, ready to be encoded. It never raises: what went wrong is in `errors`."""
        result = execute(
            self._schema,
            prepared.document,
            context_value=self._context_with(notes),
            variable_values=prepared.request.variables,
            operation_name=prepared.request.operation_name,
            executor_class=self._executor,
        )
        return _format(await result if isawaitable(result) else result)

    async def subscribe(self, prepared: Prepared, notes: Notes | None = None) -> AsyncGenerator[Result, None]:
        """The results of a subscription, each made when it is asked for; what `notes` hold is that of the last one.

        Raises:
            Refused: the stream cannot be made. What goes wrong later is the last result.
        """
        source = subscribe(
            self._schema,
            prepared.document,
            context_value=self._context_with(notes),
            variable_values=prepared.request.variables,
            operation_name=prepared.request.operation_name,
            executor_class=self._executor,
        )
        results = await source if isawaitable(source) else source
        if isinstance(results, ExecutionResult):
            raise Refused(Failure.SUBSCRIPTION, map(present, results.errors or ()), prepared.kind)
        return _format_each(results)

    def _context_with(self, notes: Notes | None) -> Context:
        return replace(self._context, notes=notes or Notes())


def encode(result: Result) -> bytes:
    """The result as JSON."""
    return msgspec.json.encode(result)


def _choose(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    """The operation of that name, or the only one."""
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    if name is None:
        return operations[0] if len(operations) == 1 else None
    return next((each for each in operations if each.name and each.name.value == name), None)


def _not_chosen(document: DocumentNode, name: str | None) -> GraphQLError:
    if name is not None:
        return GraphQLError(f"the document has no operation named {name[:60]!r}")
    if any(isinstance(each, OperationDefinitionNode) for each in document.definitions):
        return GraphQLError("the document has several operations: expected `operationName`")
    return GraphQLError("the document has no operation")


async def _format_each(results: Any) -> AsyncGenerator[Result, None]:
    async with aclosing(results):
        try:
            async for result in results:
                yield _format(result)
        except Exception as exc:  # noqa: BLE001 - outermost: shown or masked, logged, and the last word to the client
            error = exc if isinstance(exc, GraphQLError) else GraphQLError(str(exc), original_error=exc)
            yield {"errors": [present(error).formatted]}


def _format(result: ExecutionResult) -> Result:
    formatted: Result = {"data": result.data}
    if result.errors:
        formatted["errors"] = [present(error).formatted for error in result.errors]
    if result.extensions:
        formatted["extensions"] = result.extensions
    return formatted
