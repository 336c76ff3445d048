"""Fields of object types: none without a description."""

from typing import Any

import strawberry

# Strawberry reads the annotations of a type when it is defined: whoever describes fields has the enums registered by then.
from gateway.schema import enums as enums  # noqa: PLC0414 - imported for what it does


def described(description: str, *, name: str | None = None) -> Any:
    """A field that holds a plain value; `name` where the API has another than the code."""
    return strawberry.field(description=description, name=name)
