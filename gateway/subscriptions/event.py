"""The events of a `rates` subscription, as plain values."""

from datetime import datetime
from enum import StrEnum

import msgspec

from gateway.queries.rate import Rate, UnavailableRate


class EventKind(StrEnum):
    """The kind of an event of a live list."""

    SNAPSHOT = "SNAPSHOT"
    UPDATE = "UPDATE"
    HEARTBEAT = "HEARTBEAT"
    GAP = "GAP"


class RatesEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event.

    `conflated_count` counts the updates merged into it; `recovered` is set on the SNAPSHOT of a resumed subscription:
    whether nothing was missed; `throttled`: that there are fewer events, because the budget of streams is spent.
    """

    kind: EventKind
    cursor: str
    sent_at: datetime
    items: tuple[Rate, ...] = ()
    unavailable: tuple[UnavailableRate, ...] = ()
    conflated_count: int = 0
    throttled: bool = False
    recovered: bool | None = None
