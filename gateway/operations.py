"""GraphQL operations of all transports: prepared once, then executed or subscribed to."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from inspect import isawaitable
from typing import NamedTuple

from graphql import DocumentNode, ExecutionResult, GraphQLError, execute, subscribe
from graphql.pyutils import AwaitableOrValue
from strawberry import Schema

from gateway.budgets.account import Account
from gateway.budgets.open_stream import current_stream
from gateway.fastpath.payload import EncodedPayload
from gateway.fastpath.queries import FastPathQueries
from gateway.fastpath.response_encoder import ResponseEncoder
from gateway.fastpath.selection import NotOnFastPath
from gateway.fastpath.subscriptions import FastPathSubscriptions
from gateway.introspection import Introspection
from gateway.preparation import SUBSCRIPTION, Preparer
from gateway.prepared_operation import OperationRejected, PreparedOperation, RejectionStage
from gateway.prepared_subscriptions import PreparedSubscriptions
from gateway.request import GraphQLRequest
from gateway.results import (
    QueryResult,
    Result,
    encode_each,
    encode_result,
    format_each,
    format_result,
    with_error_result,
)
from gateway.schema.context import Context, OperationMetadata
from gateway.schema.errors import to_public_error
from gateway.schema.root_points import price_document
from gateway.settings import GatewaySettings
from gateway.subscriptions.cohort import Subscriber
from gateway.subscriptions.pull import Resuming
from gateway.trusted_documents.document_store import DocumentStore
from gateway.turn_budget import TurnBudget
from rates.errors import RatesError, TooManyLiveQueries

# Points up to which an operation is light: it is executed without waiting for its turn.
LIGHT = 1_000
# About what a point costs.
POINT_S = 1e-6
ChargeDocument = Callable[[int], Awaitable[None]]


class PushedSubscription(NamedTuple):
    """A subscription whose results are pushed. Await `resuming` first, if it is set."""

    resuming: Resuming | None


class Operations:
    """Prepares and executes operations, on the fast path where it covers them."""

    def __init__(
        self,
        schema: Schema,
        context: Context,
        settings: GatewaySettings,
        documents: DocumentStore | None = None,
    ) -> None:
        self.documents = documents or DocumentStore(settings.trusted_documents)
        """The documents that requests may name."""
        self._schema = schema._schema  # noqa: SLF001 - no public way
        self._executor = schema.execution_context_class
        self._preparer = Preparer(
            self._schema,
            context.catalog,
            settings,
            self.documents,
            count_served=context.rates.served_slots.count,
        )
        self._subscriptions = PreparedSubscriptions(context.catalog)
        self._context = replace(context, price=self._preparer.price)
        # Preparing a document that came before takes a tenth of a millisecond. A new one, and an operation that is not light, up to 35.
        self._short_work, self._long_work = TurnBudget(), TurnBudget(rests=True)
        encoder = ResponseEncoder(self._schema, context.rates)
        self._introspection = Introspection()
        self._fast_queries = FastPathQueries(
            self._schema, context.rates, context.candles, context.history, encoder
        )
        self.plan_known = self._preparer.plan_known
        """Returns the plan and cost of the query in a body, if its document is known and covered."""
        self.price_new = self._preparer.price_new
        """Returns the points of reading the document in a body, if it is a new one."""
        self.chunks = self._fast_queries.chunks
        """Returns the body of `answer` in chunks, if the fast path can encode it without errors."""
        self.is_encoded_list = self._fast_queries.is_encoded_list
        """Tells whether a plan is one list that is encoded: a long one takes about 0.1 ms."""
        self._fast_subscriptions = FastPathSubscriptions(context.live_queries, encoder)

    async def prepare_in_turn(
        self, request: GraphQLRequest, client: object = None, charge: ChargeDocument | None = None
    ) -> PreparedOperation:
        """Call `prepare` when a turn of the loop has time for this client.

        A document that was not kept is charged before it is read; what `charge` raises is raised.

        Raises:
            OperationRejected: as `prepare` does.
        """
        request = self._preparer.resolve(request)
        key = self._subscriptions.key_of(request) if SUBSCRIPTION in request.query else None
        if key is not None and (kept := self._subscriptions.find(key)) is not None:
            return kept
        prepare = self._preparer.prepare_resolved
        checked = self._preparer.find_document(request.query)
        if checked is not None:
            prepared = await self._short_work.run(partial(prepare, request, checked), client)
        else:
            if charge is not None:
                await charge(price_document(request.query))
            if self._long_work.has_time:
                prepared = self._long_work.run_now(partial(prepare, request, is_new=True))
            else:
                # Others may bring the same document while this waits.
                prepared = await self._long_work.run(partial(prepare, request), client)
        if key is not None:
            self._subscriptions.keep(key, prepared)
        return prepared

    def prepare(self, request: GraphQLRequest) -> PreparedOperation:
        """Parse, validate, select the operation, coerce its variables and compute its cost.

        Raises:
            OperationRejected: all errors of the first step that failed.
        """
        return self._preparer.prepare(request)

    def is_worth_keeping(self, prepared: PreparedOperation) -> bool:
        """Tell whether the document of an operation came before."""
        return self._preparer.find_document(prepared.request.query) is not None

    async def answer(
        self,
        prepared: PreparedOperation,
        metadata: OperationMetadata | None = None,
        account: Account | None = None,
        *,
        is_kept: bool = True,
    ) -> QueryResult:
        """Return the encoded result of a query: the same bytes on either path.

        Updates `metadata`, if given, also by how long the result stays fresh: that costs more, and is only for one that caches may
        keep (`is_kept`). One that is not light waits for the turn of its `account`.
        """
        if prepared.is_introspection:
            return await self._introspect(prepared)
        if prepared.cost > LIGHT:
            await self._long_work.reserve(prepared.cost * POINT_S, account)
        if prepared.plan:
            await self._fast_queries.load(prepared.plan)
        if prepared.plan:
            body = self._fast_queries.answer(prepared.plan, metadata if is_kept else None)
            if body is not None:
                return QueryResult(body, has_errors=False)
        return encode_result(await self.execute(prepared, metadata, account))

    async def execute(
        self,
        prepared: PreparedOperation,
        metadata: OperationMetadata | None = None,
        account: Account | None = None,
    ) -> Result:
        """Return the result of a query. Failures are in its `errors`; none is raised."""
        result = self._execute(self._preparer.read_document(prepared), prepared.request, metadata, account)
        return format_result(await result if isawaitable(result) else result)

    def _execute(
        self,
        document: DocumentNode,
        request: GraphQLRequest,
        metadata: OperationMetadata | None = None,
        account: Account | None = None,
    ) -> AwaitableOrValue[ExecutionResult]:
        return execute(
            self._schema,
            document,
            context_value=self._context_with(metadata, account),
            variable_values=request.variables,
            operation_name=request.operation_name,
            executor_class=self._executor,
        )

    async def _introspect(self, prepared: PreparedOperation) -> QueryResult:
        """Return the encoded result of an operation that only describes the schema."""
        document, request = self._preparer.read_document(prepared), prepared.request

        def describe() -> QueryResult:
            result = self._execute(document, request)
            assert isinstance(result, ExecutionResult), "nothing of the schema is awaited"
            return encode_result(format_result(result))

        return await self._introspection.answer(request, describe)

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
            self._preparer.read_document(prepared),
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
        stream = None if metadata is None else metadata.stream
        current_stream.set(stream)
        return format_each(results, stream)

    async def iterate(
        self, prepared: PreparedOperation, metadata: OperationMetadata | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Iterate over the encoded results of a subscription: the same bytes on either path.

        Raises:
            OperationRejected: the subscription cannot be created. A later error is the last result.
        """
        plan = prepared.subscription
        current_stream.set(None if metadata is None else metadata.stream)
        if plan and (results := self._fast_subscriptions.iterate(plan, metadata or OperationMetadata())):
            return with_error_result(results)
        return encode_each(await self.iterate_results(prepared, metadata))

    def subscribe(
        self,
        prepared: PreparedOperation,
        subscriber: Subscriber[EncodedPayload],
        *,
        is_throttled: bool = False,
    ) -> PushedSubscription | None:
        """Push the encoded results to `subscriber`; return `None` if only `iterate` can make them.

        With `is_throttled` there are fewer, which say so.

        Raises:
            TooManyLiveQueries: the process has no room for another different subscription.
        """
        if prepared.subscription is None:
            return None
        try:
            return PushedSubscription(
                self._fast_subscriptions.subscribe(
                    prepared.subscription, subscriber, is_throttled=is_throttled
                )
            )
        except TooManyLiveQueries:
            # The executor would find no room either.
            raise
        except (NotOnFastPath, GraphQLError, RatesError):
            return None

    def restore(
        self, prepared: PreparedOperation, subscriber: Subscriber[EncodedPayload], cursor: str | None
    ) -> PushedSubscription | None:
        """Push all results to a throttled subscriber; return `None` if that is not possible now.

        After `cursor`, if it has one, only what has followed.
        """
        plan, cohort = prepared.subscription, subscriber.cohort
        if plan is None or cohort is None or not self._fast_subscriptions.may_restore(plan):
            return None
        cohort.remove(subscriber)
        return PushedSubscription(self._fast_subscriptions.subscribe(plan, subscriber, cursor))

    def _context_with(self, metadata: OperationMetadata | None, account: Account | None = None) -> Context:
        return replace(self._context, metadata=metadata or OperationMetadata(), account=account)
