"""The events of live lists of answers, as plain values."""

from datetime import datetime
from typing import Any

import msgspec

from gateway.subscriptions.event import EventKind
from gateway.subscriptions.live_answer import AnswerReading


class AnswersEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event.

    `items` and `unavailable` are in the order of the query. `conflated_count` counts the tickers that newer ones of the same
    items have replaced.
    """

    kind: EventKind
    sent_at: datetime
    items: tuple[AnswerReading, ...] = ()
    unavailable: tuple[Any, ...] = ()
    conflated_count: int = 0
    throttled: bool = False
