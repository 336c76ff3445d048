"""Ticks of a schedule. Pure; all replicas share the clock that ticks follow."""

from datetime import datetime, timedelta

import msgspec

from rates.clock import EPOCH


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """The present tick, by the clock that replicas share.

    `is_claimed`: whether this replica does its work.
    """

    is_claimed: bool
    now: datetime
    ends_at: datetime

    @property
    def left(self) -> timedelta:
        """The time until the next tick."""
        return self.ends_at - self.now


def tick_number(now: datetime, interval: timedelta) -> int:
    """Return the number of the tick at `now`.

    It is the same for all producers at one time.
    """
    return (now - EPOCH) // interval


def tick_time(number: int, interval: timedelta) -> datetime:
    """Return the time at which a tick begins."""
    return EPOCH + number * interval
