"""What readers of a live list are told, as plain values."""

from datetime import datetime
from enum import StrEnum

import msgspec

from gateway.queries.rate import Rate, UnavailableRate


class RatesEventKind(StrEnum):
    """What an event is."""

    SNAPSHOT = "SNAPSHOT"
    UPDATE = "UPDATE"
    HEARTBEAT = "HEARTBEAT"
    GAP = "GAP"


class RatesEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a live list. `conflated` counts updates merged into it; `recovered` is set on the snapshot of a reader
    that came back with a cursor: whether nothing was missed.
    """

    kind: RatesEventKind
    cursor: str
    sent_at: datetime
    items: tuple[Rate, ...] = ()
    unavailable: tuple[UnavailableRate, ...] = ()
    conflated: int = 0
    recovered: bool | None = None
