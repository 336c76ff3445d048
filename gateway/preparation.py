"""Preparation of operations: everything that comes before their execution."""

from contextlib import suppress
from math import inf

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

from gateway.budgets.open_stream import StreamCost
from gateway.fastpath.body_reader import BodyReader
from gateway.fastpath.plan import QueryPlan, SubscriptionPlan, list_planned_queries
from gateway.fastpath.planner import Planner
from gateway.fastpath.query_template import PricedPlan, QueryTemplate
from gateway.fastpath.selection import NotOnFastPath
from gateway.prepared_operation import OperationKind, OperationRejected, PreparedOperation, RejectionStage
from gateway.request import GraphQLRequest
from gateway.schema.context import OperationPrice
from gateway.schema.documents import CheckedDocument, DocumentCache, Limits, make_operation_key
from gateway.schema.errors import INTROSPECTION_DISABLED, document_error, to_public_error
from gateway.schema.query_cost import CompiledCost, CostModel
from gateway.schema.root_points import price_document
from gateway.schema.root_size import CountServed, PlannedQuery, count_none
from gateway.settings import GatewaySettings
from gateway.state.catalog import InstrumentCatalog
from gateway.state.instrument_pages import MAX_PAGE
from gateway.trusted_documents.document_store import TAKING_TEXTS, DocumentError, DocumentMode, DocumentStore
from rates.errors import QueryTooExpensive

# Reported errors of variables; further ones are left out.
MAX_VARIABLE_ERRORS = 50


# Without this word, a document is of queries.
SUBSCRIPTION = "subscription"


class Preparer:
    """Prepares operations. Checked documents are kept."""

    def __init__(
        self,
        schema: GraphQLSchema,
        catalog: InstrumentCatalog,
        settings: GatewaySettings,
        documents: DocumentStore,
        *,
        count_served: CountServed = count_none,
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
            count_served=count_served,
        )
        self._max_cost = settings.max_cost
        self._introspection = settings.introspection
        self._planner = Planner(schema) if settings.fast_path else None
        self._bodies = BodyReader()
        self.find_document = self._documents.find
        """Returns a document that came before, by its text."""

    def read_document(self, prepared: PreparedOperation) -> DocumentNode:
        """Return the document of an operation, which may have been kept without it."""
        return prepared.document or self._documents.read(prepared.request.query).document

    def resolve(self, request: GraphQLRequest) -> GraphQLRequest:
        """Return the request with the document that it names.

        Raises:
            OperationRejected: there is no such document, or the request may not say what it wants like this.
        """
        if request.document_id is None and self._trusted.mode in TAKING_TEXTS:
            return request
        try:
            text = self._trusted.resolve(request.document_id, request.query)
        except DocumentError as exc:
            raise OperationRejected(RejectionStage.DOCUMENT, [document_error(exc)]) from exc
        is_watched = request.query and self._trusted.mode is DocumentMode.PREFER
        if is_watched and self.find_document(text) is None:
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

    def prepare_resolved(
        self, request: GraphQLRequest, checked: CheckedDocument | None = None, *, is_new: bool = False
    ) -> PreparedOperation:
        """Prepare a request that has its document.

        `checked`: the document, if it was found. `is_new`: it was looked for just now, and is not known.

        Raises:
            OperationRejected: as `prepare` does.
        """
        return self._prepare(request, checked, is_new=is_new, max_cost=self._max_cost)

    def _prepare(
        self,
        request: GraphQLRequest,
        checked: CheckedDocument | None = None,
        *,
        is_new: bool = False,
        max_cost: float,
    ) -> PreparedOperation:
        if checked is None:
            checked = self._read(request.query, is_new=is_new)
        operation = checked.select(request.operation_name)
        kind = None if operation is None else OperationKind(operation.operation.value)
        if checked.errors:
            raise OperationRejected(RejectionStage.VALIDATION, checked.errors, kind)
        if request.document_id is not None:
            self._trusted.register(request.document_id, request.query)
        if operation is None or kind is None:
            raise OperationRejected(
                RejectionStage.OPERATION,
                [to_public_error(_no_operation_error(checked.document, request.operation_name))],
            )
        values = get_variable_values(
            self._schema,
            operation.variable_definitions or (),
            request.variables or {},
            MAX_VARIABLE_ERRORS,
            hide_suggestions=checked.hides_suggestions,
        )
        if isinstance(values, list):
            raise OperationRejected(RejectionStage.VARIABLES, map(to_public_error, values), kind)
        plan = subscription = None
        key = make_operation_key(operation, values)
        if self._planner and kind is OperationKind.QUERY:
            plan = self._planner.plan_query(checked, operation, values, key)
        elif self._planner and kind is OperationKind.SUBSCRIPTION:
            subscription = self._planner.plan_subscription(checked, operation, values, key)
        compiled = self._cost_model.compile(checked, operation, values, key)
        planned = PreparedOperation(kind, request, checked.document, 0, plan, subscription)
        return self._price(planned, operation, compiled, values, max_cost)

    def _read(self, text: str, *, is_new: bool) -> CheckedDocument:
        try:
            return (self._documents.read_new if is_new else self._documents.read)(text)
        except GraphQLError as exc:
            raise OperationRejected(RejectionStage.SYNTAX, [to_public_error(exc)]) from exc
        except RecursionError as exc:
            error = GraphQLError("the document is nested too deeply", original_error=exc)
            raise OperationRejected(RejectionStage.SYNTAX, [to_public_error(error)]) from exc

    def _price(
        self,
        planned: PreparedOperation,
        operation: OperationDefinitionNode,
        compiled: CompiledCost,
        values: VariableValues,
        max_cost: float,
    ) -> PreparedOperation:
        """Return an operation with its cost and what it needs."""
        cost = self._compute_cost(compiled, values, planned.plan or planned.subscription)
        if cost > max_cost or (compiled.is_introspection and not self._introspection):
            refusal = self._refusal(compiled, cost, operation)
            raise OperationRejected(RejectionStage.COST, [refusal], planned.kind)
        is_stream = planned.kind is OperationKind.SUBSCRIPTION
        return planned._replace(
            cost=cost,
            is_introspection=compiled.in_thread > 0,
            scopes=compiled.scopes,
            stream=self._stream_cost(compiled, values, planned.subscription) if is_stream else None,
        )

    def plan_known(self, body: bytes) -> PricedPlan | None:
        """Return the plan and cost of the query in the body of a request, if its document is known.

        `None` for all that `prepare` has to look at, or to reject.
        """
        if self._planner is None or (read := self._bodies.read(body)) is None:
            return None
        text = read.query
        if read.document_id is not None or self._trusted.mode not in TAKING_TEXTS:
            try:
                text = self._trusted.resolve(read.document_id, text)
            except DocumentError:
                return None
        checked = self._documents.find(text)
        if checked is None or checked.errors:
            return None
        template = self._find_template(self._planner, checked, read.operation_name)
        return None if template is None else template.plan(read.variables)

    def price_new(self, body: bytes) -> int:
        """Return the points of reading the document in the body of a request, if it is a new one.

        0 for all others, and for what has no such body.
        """
        read = self._bodies.read(body)
        if read is None or read.document_id is not None or self._trusted.mode not in TAKING_TEXTS:
            return 0
        # What is no object is rejected before anything is charged. A subscription may be kept without its document.
        if not read.variables.startswith(b"{") or SUBSCRIPTION in read.query:
            return 0
        return 0 if self._documents.find(read.query) is not None else price_document(read.query)

    def _find_template(
        self, planner: Planner, checked: CheckedDocument, name: str | None
    ) -> QueryTemplate | None:
        """Return the template of an operation.

        There is at most one for each name in the document, and one for none.
        """
        if name in checked.templates:
            found: QueryTemplate | None = checked.templates[name]
            return found
        operation = checked.select(name)
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

    def _refusal(self, compiled: CompiledCost, cost: int, operation: OperationDefinitionNode) -> GraphQLError:
        """Return why a valid operation is not executed."""
        if compiled.is_introspection and not self._introspection:
            return GraphQLError(
                "the operator of this gateway does not describe the schema: `__schema`, `__type` and `_service` are switched off",
                extensions={"code": INTROSPECTION_DISABLED},
            )
        too_expensive = QueryTooExpensive(cost, self._max_cost)
        return to_public_error(GraphQLError("", operation, original_error=too_expensive))

    def _stream_cost(
        self, compiled: CompiledCost, values: VariableValues, plan: SubscriptionPlan | None
    ) -> StreamCost:
        if plan is None:
            return self._cost_model.stream_cost(compiled, values)
        asked = plan.args.query
        query = asked if isinstance(asked, PlannedQuery) else None
        return self._cost_model.planned_stream_cost(compiled, query, plan.args.options)


def _no_operation_error(document: DocumentNode, name: str | None) -> GraphQLError:
    if name is not None:
        return GraphQLError(f"the document has no operation with the `operationName` {name[:60]!r}")
    if any(isinstance(each, OperationDefinitionNode) for each in document.definitions):
        return GraphQLError("the document has several operations: expected `operationName` to name one")
    return GraphQLError("the document has no operation: expected a query or subscription")
