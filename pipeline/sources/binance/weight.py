"""Binance's request weight, which every response reports: a budget per address and minute."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from pipeline.health import SourceHealth
from pipeline.sources.binance.messages import RateLimit
from rates.health import CallBudgetState

# Binance bans clients that continue past the limit, so that it is reported well before.
LOUD_SHARE = 0.8


def record_weight(limits: Iterable[RateLimit], health: SourceHealth, now: datetime) -> None:
    """Record the used weight in `health`, with a notice near the limit."""
    for limit in limits:
        if (
            limit.rate_limit_type == "REQUEST_WEIGHT"
            and limit.interval == "MINUTE"
            and limit.interval_num == 1
        ):
            minute_ends = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
            health.budget = CallBudgetState(limit.limit, max(limit.limit - limit.count, 0), minute_ends)
            loud = limit.count >= LOUD_SHARE * limit.limit
            # Without the figure, which changes with every response and would change the notice each time.
            health.set_notice(
                "weight", f"over {LOUD_SHARE:.0%} of the request weight is used" if loud else None
            )
