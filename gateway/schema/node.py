"""The interface of objects with a globally unique id."""

import strawberry

from gateway.schema.field import described


@strawberry.interface(description="An object with an id that is unique over all types.")
class Node:
    id: strawberry.ID = described("Globally unique and stable. Client caches use it as their key.")
