"""The schema, built from its types."""

from functools import cache

import strawberry
from strawberry.schema.config import StrawberryConfig

from gateway.schema.cost_directives import annotate
from gateway.schema.query import Query
from gateway.schema.scalars import SCALARS
from gateway.schema.subscription import Subscription


@cache
def build_schema() -> strawberry.Schema:
    """Build the schema, which holds no state: a process has one.

    Limits, errors and execution are those of `gateway.operations`.
    """
    schema = strawberry.Schema(
        query=Query,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    annotate(schema)
    return schema
