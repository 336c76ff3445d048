"""Predicts when a call can return anything newer than the last response. Pure.

CoinGecko's edge answers from its copy until that is `s-maxage` (else `max-age`) old; `Age` is the age of the copy. An older copy is
about to be renewed. Without these headers the source's update interval counts, from the newest `last_updated_at`.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

# Copies of up to 281 s were recorded with a lifetime of 60 s: 36 of 82 were past it.
RENEWAL_SHARE = 4

_DIRECTIVE = re.compile(r"(?:^|[,\s])(s-maxage|max-age)\s*=\s*\"?(\d{1,9})")


def earliest_update(
    headers: Mapping[str, str],
    *,
    received_at: datetime,
    newest: datetime | None,
    update_interval: timedelta,
) -> datetime:
    """Return the time before which the same call cannot return anything newer."""
    lifetime = _lifetime(headers.get("cache-control", ""))
    if lifetime is not None:
        left = lifetime - response_age(headers)
        if left <= timedelta() < lifetime:
            # The time of renewal is unknown. Calling with every task until then would use up the budget.
            left = update_interval / RENEWAL_SHARE
        return received_at + left
    if newest is None:
        return received_at
    # A source clock ahead of ours must not prolong the wait beyond one interval.
    return min(newest, received_at) + update_interval


def _lifetime(cache_control: str) -> timedelta | None:
    lowered = cache_control.lower()
    if not lowered:
        return None
    if "no-store" in lowered or "no-cache" in lowered or "private" in lowered:
        return timedelta()
    found = dict(_DIRECTIVE.findall(lowered))
    seconds = found.get("s-maxage", found.get("max-age"))
    return None if seconds is None else timedelta(seconds=int(seconds))


def response_age(headers: Mapping[str, str]) -> timedelta:
    """Return how long ago the edge made its copy; zero without a usable `Age`."""
    age = headers.get("age", "").strip()
    return timedelta(seconds=int(age)) if re.fullmatch(r"[0-9]{1,9}", age) else timedelta()
