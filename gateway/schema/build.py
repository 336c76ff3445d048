"""The schema, built from its types."""

from typing import Any, cast

import strawberry
from strawberry.schema.config import StrawberryConfig

from gateway.schema.error_code import ErrorCode
from gateway.schema.query import Query
from gateway.schema.scalars import SCALARS
from gateway.schema.subscription import Subscription


def build_schema() -> strawberry.Schema:
    """Build the schema. Limits, errors and execution are those of `gateway.operations`."""
    return strawberry.Schema(
        query=Query,
        subscription=Subscription,
        # No field has it yet: it documents the errors.
        types=[cast(Any, ErrorCode)],
        config=StrawberryConfig(scalar_map=SCALARS),
    )
