"""Operations that are ready to be executed, and the rejection of those that are not."""

from collections.abc import Iterable
from enum import Enum
from typing import Any, NamedTuple

from graphql import DocumentNode, GraphQLError

from access.scope import AccessScope
from gateway.budgets.account_registry import REJECTED_POINTS
from gateway.budgets.open_stream import StreamCost
from gateway.fastpath.plan import QueryPlan, SubscriptionPlan
from gateway.request import GraphQLRequest
from gateway.schema.field_scopes import READ


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
