"""What a source allows, and what a refusal by our own budget says. Pure; both implementations use it."""

from datetime import datetime, timedelta

import msgspec

from rates.errors import SourceRateLimited
from rates.source import Source


class CallLimits(msgspec.Struct, frozen=True):
    """At most `calls` in any `window`; `monthly` calls in a calendar month (UTC), where there is such a quota."""

    calls: int
    window: timedelta
    monthly: int | None = None


def month_of(now: datetime) -> str:
    """The calendar month that a call counts for."""
    return now.strftime("%Y-%m")


def next_month(now: datetime) -> datetime:
    """When a monthly quota begins anew."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def held(source: Source, until: datetime) -> SourceRateLimited:
    """The refusal while a hold lasts."""
    return SourceRateLimited(source, "the source asked to be left alone", retry_at=until)


def spent(source: Source, limits: CallLimits, until: datetime) -> SourceRateLimited:
    """The refusal when the window is full."""
    return SourceRateLimited(
        source,
        f"the budget of {limits.calls} calls in {limits.window.total_seconds():g} s is spent",
        retry_at=until,
    )


def quota_spent(source: Source, limits: CallLimits, until: datetime) -> SourceRateLimited:
    """The refusal when the month's calls are used up."""
    return SourceRateLimited(source, f"the quota of {limits.monthly} calls a month is spent", retry_at=until)
