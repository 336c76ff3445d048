"""Types of parsed JSON documents."""

from typing import Any, TypeAlias

# A parsed JSON document has no static type; assertions check its values.
Json: TypeAlias = Any
JsonObject: TypeAlias = dict[str, Json]
