"""Call limits of a source, and the errors for calls beyond them.

Pure; both request budgets use it.
"""

from datetime import datetime, timedelta

import msgspec

from rates.errors import SourceRateLimited
from rates.health import CallBudgetState
from rates.source import Source


class CallLimits(msgspec.Struct, frozen=True):
    """At most `calls` in any `window`, and at most `monthly` per calendar month (UTC), if set.

    A monthly quota is spread over the rest of the month: spent in its first week, it would leave three weeks without values.
    """

    calls: int
    window: timedelta
    monthly: int | None = None


def month_of(now: datetime) -> str:
    """Return the calendar month that a call counts towards, as `2026-05`."""
    return now.strftime("%Y-%m")


def next_month(now: datetime) -> datetime:
    """Return the time at which a monthly quota resets."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def state_of(
    limits: CallLimits, remaining: int, resets_at: datetime, monthly_remaining: int, now: datetime
) -> CallBudgetState:
    """Return the budget as source health reports it.

    `monthly_remaining` is ignored without a monthly quota.
    """
    if limits.monthly is None:
        return CallBudgetState(limits.calls, remaining, resets_at)
    return CallBudgetState(
        limits.calls, remaining, resets_at, limits.monthly, monthly_remaining, next_month(now)
    )


def cooling_down(source: Source, until: datetime) -> SourceRateLimited:
    """Return the error for a call during a cooldown."""
    return SourceRateLimited(source, "the source asked for a pause", retry_at=until)


def paced(source: Source, until: datetime) -> SourceRateLimited:
    """Return the error for a call before the next one is due. Nothing is wrong."""
    return SourceRateLimited(source, "the next call is due later", retry_at=until, is_planned=True)


def window_full(source: Source, limits: CallLimits, until: datetime) -> SourceRateLimited:
    """Return the error for a call beyond the limit of the window. The source refused nothing."""
    return SourceRateLimited(
        source,
        f"the budget of {limits.calls} calls in {limits.window.total_seconds():g} s is spent",
        retry_at=until,
        is_planned=True,
    )


def quota_spent(source: Source, limits: CallLimits, until: datetime) -> SourceRateLimited:
    """Return the error for a call beyond the monthly quota."""
    return SourceRateLimited(source, f"the quota of {limits.monthly} calls a month is spent", retry_at=until)
