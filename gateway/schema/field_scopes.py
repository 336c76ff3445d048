"""The scopes that fields need, declared once for each root field."""

from collections.abc import Iterable

from graphql import FieldNode, NullValueNode

from access.scope import AccessScope
from gateway.schema.selected import SelectedField

HISTORY_FIELDS = frozenset(
    {"candles", "consensusCandles", "rateAt", "sourceHistory", "stats", "summaries", "trades"}
)
"""Root fields of queries and subscriptions that are read from the stored history."""
# Fields that answer of the past if they have this argument.
PAST_FIELDS = frozenset({"consensusRate", "conversion", "convert"})
AT = "at"
READ, HISTORY = frozenset({AccessScope.READ}), frozenset({AccessScope.HISTORY})
BOTH = READ | HISTORY


def needed_scopes(roots: Iterable[SelectedField]) -> frozenset[AccessScope]:
    """Return the scopes that an operation with these root fields needs.

    What describes the schema needs none.
    """
    needed: frozenset[AccessScope] = frozenset()
    for name, node, _ in roots:
        if name in HISTORY_FIELDS or (name in PAST_FIELDS and _is_of_the_past(node)):
            needed |= HISTORY
        elif not name.startswith("__"):
            needed |= READ
    return needed


def _is_of_the_past(node: FieldNode) -> bool:
    return any(
        argument.name.value == AT and not isinstance(argument.value, NullValueNode)
        for argument in node.arguments or ()
    )
