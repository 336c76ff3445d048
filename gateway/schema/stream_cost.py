"""The cost of a subscription: points a second, by its fields and its events."""

from collections.abc import Mapping
from decimal import Decimal
from math import ceil
from typing import Any

from gateway.budgets.open_stream import StreamCost
from gateway.schema.selection_weight import Weights
from gateway.subscriptions.delivery_options import THROTTLED_INTERVAL_S, DeliveryOptions

# Points of a field of an event: it is encoded once for all, and copied to each.
FIELD = 0.1
# The write buffer of push feeds holds the ticks of an instrument for a tenth of a second.
MAX_EVENTS_PER_S = 10
COUNT_FIELDS = Weights(object=0, leaf=1)
"""Weights with which a selection weighs as much as it has fields."""


def stream_cost(fields: float, options: DeliveryOptions) -> StreamCost:
    """Return the cost of a subscription with so many fields in its largest event."""
    events = events_per_s(options.sample_interval_s, options.min_change_bps)
    return StreamCost(
        max(1, ceil(fields * FIELD * events)),
        max(1, ceil(fields * FIELD * min(events, 1 / THROTTLED_INTERVAL_S))),
    )


def events_per_s(interval_s: float, min_change_bps: Decimal | float) -> float:
    """Return the events a second that a subscription may cause.

    They are fewer with an interval or a least change.
    """
    most = MAX_EVENTS_PER_S / (1 + float(min_change_bps))
    return min(most, 1 / interval_s) if interval_s else most


def read_options(arguments: Mapping[str, Any]) -> DeliveryOptions:
    """Return the options in the arguments of a subscription.

    The execution reports those out of range.
    """
    interval_ms, bps = arguments.get("sampleIntervalMs", 0), arguments.get("minChangeBps", 0)
    return DeliveryOptions(max(interval_ms, 0) / 1000, Decimal(repr(max(bps, 0))))
