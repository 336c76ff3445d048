"""What a source allows, and what a refusal by our own budget says. Pure; both implementations use it."""

from datetime import datetime, timedelta

import msgspec

from rates.errors import SourceRateLimited
from rates.health import CallBudgetState
from rates.source import Source


class CallLimits(msgspec.Struct, frozen=True):
    """At most `calls` in any `window`; `monthly` calls in a calendar month (UTC), where there is such a quota: they are spread over
    what is left of the month, because a quota that is spent in its first week leaves three without any value.
    """

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


def state_of(
    limits: CallLimits, remaining: int, resets_at: datetime, monthly_remaining: int, now: datetime
) -> CallBudgetState:
    """What people are told after a call; `monthly_remaining` matters where there is a quota."""
    if limits.monthly is None:
        return CallBudgetState(limits.calls, remaining, resets_at)
    return CallBudgetState(
        limits.calls, remaining, resets_at, limits.monthly, monthly_remaining, next_month(now)
    )


def held(source: Source, until: datetime) -> SourceRateLimited:
    """The refusal while a hold lasts."""
    return SourceRateLimited(source, "the source asked to be left alone", retry_at=until)


def paced(source: Source, until: datetime) -> SourceRateLimited:
    """The refusal between two calls that are as close together as they should be: nothing is wrong."""
    return SourceRateLimited(source, "the next call is due later", retry_at=until, is_planned=True)


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
