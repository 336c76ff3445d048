"""Puts the schema together."""

from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from gateway.schema.documents import CachedDocuments, DocumentCache, Limits
from gateway.schema.errors import present
from gateway.schema.query import Query
from gateway.schema.scalars import SCALARS
from gateway.schema.subscription import Subscription
from gateway.settings import GatewaySettings


class RatesSchema(strawberry.Schema):
    """A schema whose errors are presentable."""

    def process_errors(
        self,
        errors: list[GraphQLError],
        execution_context: ExecutionContext | None = None,  # noqa: ARG002 - Strawberry passes it
    ) -> None:
        """Every error on its way to a client comes by here, whatever the transport; what stays in the list is sent."""
        errors[:] = map(present, errors)


def build_schema(settings: GatewaySettings) -> RatesSchema:
    """The schema with its limits."""
    limits = Limits(settings.max_tokens, settings.max_depth, settings.max_aliases)
    documents: Any = None
    schema = RatesSchema(
        query=Query,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=[lambda: CachedDocuments(documents, limits.max_tokens)],
    )
    documents = DocumentCache(schema._schema, limits, size=settings.document_cache_size)  # noqa: SLF001 - no public way
    return schema
