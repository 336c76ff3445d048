"""Preparation of operations: everything that comes before their execution."""

from collections.abc import Iterable
from contextlib import suppress
from enum import Enum
from math import inf
from typing import Any, NamedTuple

import msgspec
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_variable_values,
)
from graphql.execution.values import VariableValues

from access.scope import AccessScope
from gateway.budgets.account_registry import REJECTED_POINTS
from gateway.budgets.open_stream import StreamCost
from gateway.fastpath.body_reader import BodyReader
from gateway.fastpath.plan import Planner, QueryPlan, SubscriptionPlan, list_planned_queries
from gateway.fastpath.query_template import PricedPlan, QueryTemplate
from gateway.fastpath.selection import NotOnFastPath
from gateway.request import GraphQLRequest
from gateway.schema.context import OperationPrice
from gateway.schema.documents import CheckedDocument, DocumentCache, Limits
from gateway.schema.errors import INTROSPECTION_DISABLED, document_error, to_public_error
from gateway.schema.field_scopes import READ
from gateway.schema.query_cost import CompiledCost, CostModel
from gateway.schema.root_size import PlannedQuery
from gateway.settings import GatewaySettings
from gateway.state.catalog import InstrumentCatalog
from gateway.state.instrument_pages import MAX_PAGE
from gateway.trusted_documents.document_store import DocumentError, DocumentMode, DocumentStore
from rates.errors import QueryTooExpensive

# Reported errors of variables; further ones are left out.
MAX_VARIABLE_ERRORS = 50


class OperationKind(Enum):
    """The type of a GraphQL operation."""

    QUERY = "query"
    MUTATION = "mutation"
    SUBSCRIPTION = "subscription"


class RejectionStage(Enum):
    """The step that rejected a request before its execution."""

    DOCUMENT = "the request names no document that may be executed"
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

    cost = REJECTED_POINTS
    """As of `PreparedOperation`."""

    def __init__(
        self, stage: RejectionStage, errors: Iterable[GraphQLError], kind: OperationKind | None = None
    ) -> None:
        self.stage, self.kind = stage, kind
        self.errors: list[dict[str, Any]] = [dict(error.formatted) for error in errors]
        super().__init__(f"{stage.value}: {self.errors[0]['message']}")


class PreparedOperation(NamedTuple):
    """A valid operation that is not too expensive.

    `document` is `None` for one that is kept: documents have a cache of their own. `plan` or `subscription` is set if the fast path
    covers it. `is_introspection`: it only describes the schema. `scopes`: those that its sender needs. `stream`: what a subscription
    costs while it runs.
    """

    kind: OperationKind
    request: GraphQLRequest
    document: DocumentNode | None
    cost: int
    plan: QueryPlan | None = None
    subscription: SubscriptionPlan | None = None
    is_introspection: bool = False
    scopes: frozenset[AccessScope] = READ
    stream: StreamCost | None = None

    def without_document(self) -> "PreparedOperation":
        """The operation for a cache."""
        return self._replace(document=None)


class Preparer:
    """Prepares operations. Checked documents are kept."""

    def __init__(
        self,
        schema: GraphQLSchema,
        catalog: InstrumentCatalog,
        settings: GatewaySettings,
        documents: DocumentStore,
    ) -> None:
        self._schema = schema
        self._trusted = documents
        limits = Limits(settings.max_tokens, settings.max_depth, settings.max_aliases, settings.max_pairs)
        self._documents = DocumentCache(
            schema, limits, size=settings.document_cache_size, suggestions=settings.suggestions
        )
        self._cost_model = CostModel(
            schema,
            catalog,
            max_page=MAX_PAGE,
            max_symbols=settings.max_symbols,
            limit=settings.max_cost,
        )
        self._max_cost = settings.max_cost
        self._introspection = settings.introspection
        self._planner = Planner(schema) if settings.fast_path else None
        self._bodies = BodyReader()

    def is_cached(self, document: str) -> bool:
        """Tell whether a document came before."""
        return self._documents.find(document) is not None

    def read_document(self, prepared: PreparedOperation) -> DocumentNode:
        """Return the document of an operation, which may have been kept without it."""
        return prepared.document or self._documents.read(prepared.request.query).document

    def resolve(self, request: GraphQLRequest) -> GraphQLRequest:
        """Return the request with the document that it names.

        Raises:
            OperationRejected: there is no such document, or the request may not say what it wants like this.
        """
        try:
            text = self._trusted.resolve(request.document_id, request.query)
        except DocumentError as exc:
            raise OperationRejected(RejectionStage.DOCUMENT, [document_error(exc)]) from exc
        if request.query and self._trusted.mode is DocumentMode.PREFER and not self.is_cached(text):
            self._trusted.note(text, request.operation_name)
        return (
            request
            if text == request.query
            else msgspec.structs.replace(request, query=text, document_id=None)
        )

    def prepare(self, request: GraphQLRequest) -> PreparedOperation:
        """Find the document, parse, validate, select the operation, coerce its variables.

        Its cost is computed too.

        Raises:
            OperationRejected: all errors of the first step that failed.
        """
        return self.prepare_resolved(self.resolve(request))

    def price(self, request: GraphQLRequest) -> OperationPrice:
        """Return what an operation would cost, or why it would not be executed."""
        try:
            prepared = self._prepare(self.resolve(request), max_cost=inf)
        except OperationRejected as exc:
            return OperationPrice(error=exc.errors[0])
        points_per_second = None if prepared.stream is None else prepared.stream.points
        return OperationPrice(prepared.cost, self._max_cost, points_per_second)

    def prepare_resolved(self, request: GraphQLRequest) -> PreparedOperation:
        """Prepare a request whose document was found.

        Raises:
            OperationRejected: as `prepare` does.
        """
        return self._prepare(request, max_cost=self._max_cost)

    def _prepare(self, request: GraphQLRequest, *, max_cost: float) -> PreparedOperation:
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
        if request.document_id is not None:
            self._trusted.register(request.document_id, request.query)
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
        compiled = self._cost_model.compile(document, operation, values, checked.costs)
        cost = self._compute_cost(compiled, values, plan or subscription)
        if (refusal := self._refuse(compiled, cost, max_cost, operation)) is not None:
            raise OperationRejected(RejectionStage.COST, [refusal], kind)
        is_introspection = compiled.in_thread > 0
        is_stream = kind is OperationKind.SUBSCRIPTION
        stream = self._stream_cost(compiled, values, subscription) if is_stream else None
        return PreparedOperation(
            kind, request, document, cost, plan, subscription, is_introspection, compiled.scopes, stream
        )

    def plan_known(self, body: bytes) -> PricedPlan | None:
        """Return the plan and cost of the query in the body of a request, if its document is known.

        `None` for all that `prepare` has to look at, or to reject.
        """
        if self._planner is None or (read := self._bodies.read(body)) is None:
            return None
        try:
            text = self._trusted.resolve(read.document_id, read.query)
        except DocumentError:
            return None
        checked = self._documents.find(text)
        if checked is None or checked.errors:
            return None
        template = self._find_template(self._planner, checked, read.operation_name)
        return None if template is None else template.plan(read.variables)

    def _find_template(
        self, planner: Planner, checked: CheckedDocument, name: str | None
    ) -> QueryTemplate | None:
        """Return the template of an operation.

        There is at most one for each name in the document, and one for none.
        """
        if name in checked.templates:
            found: QueryTemplate | None = checked.templates[name]
            return found
        operation = _select_operation(checked.document, name)
        if operation is None:
            return None
        template = None
        if operation.operation is OperationType.QUERY:
            with suppress(NotOnFastPath):
                template = QueryTemplate(self._schema, planner, self._cost_model, checked, operation)
        checked.templates[name] = template
        return template

    def _compute_cost(
        self, compiled: CompiledCost, values: VariableValues, plan: QueryPlan | SubscriptionPlan | None
    ) -> int:
        if plan is None:
            return self._cost_model.query_cost(compiled, values)
        if isinstance(plan, SubscriptionPlan):
            asked = plan.args.query
            sized = [asked if isinstance(asked, PlannedQuery) else None]
            return self._cost_model.planned_cost(compiled, sized, may_fail=False)
        queries, may_fail = list_planned_queries(plan)
        return self._cost_model.planned_cost(compiled, queries, may_fail=may_fail)

    def _refuse(
        self, compiled: CompiledCost, cost: int, max_cost: float, operation: OperationDefinitionNode
    ) -> GraphQLError | None:
        """Return why a valid operation is not executed."""
        if compiled.is_introspection and not self._introspection:
            return GraphQLError(
                "the operator of this gateway does not describe the schema: `__schema`, `__type` and `_service` are switched off",
                extensions={"code": INTROSPECTION_DISABLED},
            )
        if cost > max_cost:
            too_expensive = QueryTooExpensive(cost, self._max_cost)
            return to_public_error(GraphQLError("", operation, original_error=too_expensive))
        return None

    def _stream_cost(
        self, compiled: CompiledCost, values: VariableValues, plan: SubscriptionPlan | None
    ) -> StreamCost:
        if plan is None:
            return self._cost_model.stream_cost(compiled, values)
        asked = plan.args.query
        query = asked if isinstance(asked, PlannedQuery) else None
        return self._cost_model.planned_stream_cost(compiled, query, plan.args.options)


def _select_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    """Return the operation of that name, or the only one."""
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    if name is None:
        return operations[0] if len(operations) == 1 else None
    return next((each for each in operations if each.name and each.name.value == name), None)


def _no_operation_error(document: DocumentNode, name: str | None) -> GraphQLError:
    if name is not None:
        return GraphQLError(f"the document has no operation with the `operationName` {name[:60]!r}")
    if any(isinstance(each, OperationDefinitionNode) for each in document.definitions):
        return GraphQLError("the document has several operations: expected `operationName` to name one")
    return GraphQLError("the document has no operation: expected a query or subscription")
