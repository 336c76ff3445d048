"""Fields of object types, each with a description."""

from typing import Any

import strawberry

# Strawberry reads the annotations of a type when it is defined: the enums must be registered before.
from gateway.schema import enums as enums  # noqa: PLC0414 - imported for what it does


def described(description: str, *, name: str | None = None) -> Any:
    """Define a field with a plain value; `name` is its name in the API, if it differs."""
    return strawberry.field(description=description, name=name)
