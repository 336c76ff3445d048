"""GraphQL operations of all transports: prepared once, then executed or subscribed to."""

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
from graphql.execution.values import VariableValues
from strawberry import Schema

from gateway.fastpath.payload import EncodedPayload
from gateway.fastpath.plan import Planner, QueryPlan, SubscriptionPlan, list_rates_queries
from gateway.fastpath.queries import FastPathQueries
from gateway.fastpath.response_encoder import ResponseEncoder
from gateway.fastpath.selection import NotOnFastPath
from gateway.fastpath.subscriptions import FastPathSubscriptions
from gateway.request import GraphQLRequest
from gateway.schema.context import Context, OperationMetadata
from gateway.schema.documents import CheckedDocument, DocumentCache, Limits
from gateway.schema.errors import persisted_query_not_supported, to_public_error
from gateway.schema.query_cost import CostModel, PlannedQuery
from gateway.settings import GatewaySettings
from gateway.state.instrument_pages import MAX_PAGE
from gateway.subscriptions.cohort import Subscriber
from gateway.subscriptions.pull import Resuming
from gateway.turn_budget import TurnBudget
from rates.errors import QueryTooExpensive, RatesError, TooManyLiveQueries

# Reported errors of variables; further ones are left out.
MAX_VARIABLE_ERRORS = 50

# Points up to which an operation is light: it is executed without waiting for its turn.
LIGHT = 1_000
# About what a point costs.
POINT_S = 1e-6

Result = dict[str, Any]


class OperationKind(Enum):
    """The type of a GraphQL operation."""

    QUERY = "query"
    MUTATION = "mutation"
    SUBSCRIPTION = "subscription"


class RejectionStage(Enum):
    """The step that rejected a request before its execution."""

    DOCUMENT = "the request has no document, only its hash"
    SYNTAX = "the document does not parse"
    VALIDATION = "the document does not fit the schema, or is beyond the limits"
    OPERATION = "the document holds no operation of that name, or several without a name given"
    VARIABLES = "the variables do not fit the operation"
    COST = "the operation is too expensive"
    SUBSCRIPTION = "the stream that the operation asks for cannot be made, e.g. for its arguments"


class OperationRejected(Exception):
    """A request that is not executed.

    `errors` are formatted. `kind` is the type of the operation, if it is known.
    """

    def __init__(
        self, stage: RejectionStage, errors: Iterable[GraphQLError], kind: OperationKind | None = None
    ) -> None:
        self.stage, self.kind = stage, kind
        self.errors: list[dict[str, Any]] = [dict(error.formatted) for error in errors]
        super().__init__(f"{stage.value}: {self.errors[0]['message']}")


class PreparedOperation(NamedTuple):
    """A valid operation that is not too expensive.

    `document` is `None` for one that is kept: documents have a cache of their own. `plan` or `subscription` is set if the fast path
    covers it.
    """

    kind: OperationKind
    request: GraphQLRequest
    document: DocumentNode | None
    cost: int
    plan: QueryPlan | None = None
    subscription: SubscriptionPlan | None = None

    def without_document(self) -> "PreparedOperation":
        """The operation for a cache."""
        return self._replace(document=None)


class QueryResult(NamedTuple):
    """The result of a query as JSON."""

    body: bytes
    has_errors: bool


class PushedSubscription(NamedTuple):
    """A subscription whose results are pushed. Await `resuming` first, if it is set."""

    resuming: Resuming | None


class Operations:
    """Prepares and executes operations, on the fast path where it covers them."""

    def __init__(self, schema: Schema, context: Context, settings: GatewaySettings) -> None:
        self._schema = schema._schema  # noqa: SLF001 - no public way
        self._executor = schema.execution_context_class
        self._context = context
        limits = Limits(settings.max_tokens, settings.max_depth, settings.max_aliases, settings.max_pairs)
        self._documents = DocumentCache(
            self._schema, limits, size=settings.document_cache_size, suggestions=settings.suggestions
        )
        self._cost_model = CostModel(
            self._schema,
            context.catalog,
            max_page=MAX_PAGE,
            max_symbols=settings.max_symbols,
            limit=settings.max_cost,
        )
        self._max_cost = settings.max_cost
        self._planner = Planner(self._schema) if settings.fast_path else None
        # Preparing a document that came before takes a tenth of a millisecond. A new one, and an operation that is not light, up to 35.
        self._short_work, self._long_work = TurnBudget(), TurnBudget(rests=True)
        encoder = ResponseEncoder(self._schema, context.rates)
        self._fast_queries = FastPathQueries(self._schema, context.rates, encoder)
        self._fast_subscriptions = FastPathSubscriptions(context.live_queries, encoder)

    async def prepare_in_turn(self, request: GraphQLRequest) -> PreparedOperation:
        """Call `prepare` when a turn of the loop has time for it.

        Raises:
            OperationRejected: as `prepare` does.
        """
        is_known = self._documents.is_cached(request.query)
        budget = self._short_work if is_known else self._long_work
        return await budget.run(lambda: self.prepare(request))

    def prepare(self, request: GraphQLRequest) -> PreparedOperation:
        """Parse, validate, select the operation, coerce its variables and compute its cost.

        Raises:
            OperationRejected: all errors of the first step that failed.
        """
        if request.is_persisted:
            raise OperationRejected(RejectionStage.DOCUMENT, [persisted_query_not_supported()])
        try:
            checked = self._documents.read(request.query)
        except GraphQLError as exc:
            raise OperationRejected(RejectionStage.SYNTAX, [to_public_error(exc)]) from exc
        except RecursionError as exc:
            error = GraphQLError("the document is nested too deeply", original_error=exc)
            raise OperationRejected(RejectionStage.SYNTAX, [to_public_error(error)]) from exc
        document, errors = checked.document, checked.errors
        operation = _select_operation(document, request.operation_name)
        kind = None if operation is None else OperationKind(operation.operation.value)
        if errors:
            raise OperationRejected(RejectionStage.VALIDATION, errors, kind)
        if operation is None or kind is None:
            raise OperationRejected(
                RejectionStage.OPERATION,
                [to_public_error(_no_operation_error(document, request.operation_name))],
            )
        definitions = operation.variable_definitions or ()
        values = get_variable_values(
            self._schema,
            definitions,
            request.variables or {},
            MAX_VARIABLE_ERRORS,
            hide_suggestions=checked.hides_suggestions,
        )
        if isinstance(values, list):
            raise OperationRejected(RejectionStage.VARIABLES, map(to_public_error, values), kind)
        plan = subscription = None
        if self._planner and kind is OperationKind.QUERY:
            plan = self._planner.plan_query(document, operation, values, checked.root_fields)
        elif self._planner and kind is OperationKind.SUBSCRIPTION:
            subscription = self._planner.plan_subscription(document, operation, values, checked.root_fields)
        cost = self._compute_cost(checked, operation, values, plan or subscription)
        if cost > self._max_cost:
            error = GraphQLError("", operation, original_error=QueryTooExpensive(cost, self._max_cost))
            raise OperationRejected(RejectionStage.COST, [to_public_error(error)], kind)
        return PreparedOperation(kind, request, document, cost, plan, subscription)

    def _compute_cost(
        self,
        checked: CheckedDocument,
        operation: OperationDefinitionNode,
        values: VariableValues,
        plan: QueryPlan | SubscriptionPlan | None,
    ) -> int:
        compiled = self._cost_model.compile(checked.document, operation, values, checked.costs)
        if plan is None:
            return self._cost_model.query_cost(compiled, values)
        if isinstance(plan, SubscriptionPlan):
            asked = plan.args.query
            sized = [asked if isinstance(asked, PlannedQuery) else None]
            return self._cost_model.planned_cost(compiled, sized, may_fail=False)
        queries, may_fail = list_rates_queries(plan)
        return self._cost_model.planned_cost(compiled, queries, may_fail=may_fail)

    def is_worth_keeping(self, prepared: PreparedOperation) -> bool:
        """Tell whether the document of an operation came before."""
        return self._documents.is_cached(prepared.request.query)

    async def answer(
        self, prepared: PreparedOperation, metadata: OperationMetadata | None = None
    ) -> QueryResult:
        """Return the encoded result of a query: the same bytes on either path.

        Updates `metadata`, if given. One that is not light waits for its turn.
        """
        if prepared.cost > LIGHT:
            await self._long_work.reserve(prepared.cost * POINT_S)
        if prepared.plan and (body := self._fast_queries.answer(prepared.plan, metadata)):
            return QueryResult(body, has_errors=False)
        result = await self.execute(prepared, metadata)
        return QueryResult(encode(result), has_errors="errors" in result)

    def chunks(
        self, prepared: PreparedOperation, metadata: OperationMetadata | None = None
    ) -> list[bytes] | None:
        """Return the body of `answer` in chunks, if the fast path can encode it without errors."""
        return self._fast_queries.chunks(prepared.plan, metadata) if prepared.plan else None

    async def execute(self, prepared: PreparedOperation, metadata: OperationMetadata | None = None) -> Result:
        """Return the result of a query. Failures are in its `errors`; none is raised."""
        result = execute(
            self._schema,
            self._read_document(prepared),
            context_value=self._context_with(metadata),
            variable_values=prepared.request.variables,
            operation_name=prepared.request.operation_name,
            executor_class=self._executor,
        )
        return _format(await result if isawaitable(result) else result)

    async def iterate_results(
        self, prepared: PreparedOperation, metadata: OperationMetadata | None = None
    ) -> AsyncGenerator[Result, None]:
        """Iterate over the results of a subscription, each computed when it is requested.

        `metadata` describes the last result.

        Raises:
            OperationRejected: the subscription cannot be created. A later error is the last result.
        """
        source = subscribe(
            self._schema,
            self._read_document(prepared),
            context_value=self._context_with(metadata),
            variable_values=prepared.request.variables,
            operation_name=prepared.request.operation_name,
            executor_class=self._executor,
        )
        results = await source if isawaitable(source) else source
        if isinstance(results, ExecutionResult):
            raise OperationRejected(
                RejectionStage.SUBSCRIPTION, map(to_public_error, results.errors or ()), prepared.kind
            )
        return _format_each(results)

    async def iterate(
        self, prepared: PreparedOperation, metadata: OperationMetadata | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Iterate over the encoded results of a subscription: the same bytes on either path.

        Raises:
            OperationRejected: the subscription cannot be created. A later error is the last result.
        """
        plan = prepared.subscription
        if plan and (results := self._fast_subscriptions.iterate(plan, metadata or OperationMetadata())):
            return _with_error_result(results)
        return _encode_each(await self.iterate_results(prepared, metadata))

    def subscribe(
        self, prepared: PreparedOperation, subscriber: Subscriber[EncodedPayload]
    ) -> PushedSubscription | None:
        """Push the encoded results to `subscriber`; return `None` if only `iterate` can make them.

        Raises:
            TooManyLiveQueries: the process has no room for another different subscription.
        """
        if prepared.subscription is None:
            return None
        try:
            return PushedSubscription(self._fast_subscriptions.subscribe(prepared.subscription, subscriber))
        except TooManyLiveQueries:
            # The executor would find no room either.
            raise
        except (NotOnFastPath, GraphQLError, RatesError):
            return None

    def _read_document(self, prepared: PreparedOperation) -> DocumentNode:
        return prepared.document or self._documents.read(prepared.request.query).document

    def _context_with(self, metadata: OperationMetadata | None) -> Context:
        return replace(self._context, metadata=metadata or OperationMetadata())


def encode(result: Result) -> bytes:
    """Encode a result as JSON."""
    return msgspec.json.encode(result)


def _select_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    """Return the operation of that name, or the only one."""
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    if name is None:
        return operations[0] if len(operations) == 1 else None
    return next((each for each in operations if each.name and each.name.value == name), None)


def _no_operation_error(document: DocumentNode, name: str | None) -> GraphQLError:
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
        except Exception as exc:  # noqa: BLE001 - outermost: shown or masked, logged, and sent as the last result
            yield _error_result(exc)


async def _with_error_result(results: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(results):
        try:
            async for result in results:
                yield result
        except Exception as exc:  # noqa: BLE001 - outermost, as above
            yield encode_error(exc)


async def _encode_each(results: AsyncGenerator[Result, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(results):
        async for result in results:
            yield encode(result)


def encode_error(error: Exception) -> bytes:
    """Encode the last result of a failed subscription, with its error masked if internal."""
    return encode(_error_result(error))


def _error_result(exc: Exception) -> Result:
    error = exc if isinstance(exc, GraphQLError) else GraphQLError(str(exc), original_error=exc)
    return {"errors": [to_public_error(error).formatted]}


def _format(result: ExecutionResult) -> Result:
    formatted: Result = {"data": result.data}
    if result.errors:
        formatted["errors"] = [to_public_error(error).formatted for error in result.errors]
    if result.extensions:
        formatted["extensions"] = result.extensions
    return formatted
