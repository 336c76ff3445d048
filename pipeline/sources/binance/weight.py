"""Binance's request weight as it tells it with every answer: a budget that it keeps, per address and wall-clock minute."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from pipeline.health import SourceHealth
from pipeline.sources.binance.messages import RateLimit
from rates.health import CallBudgetState

# Binance bans clients that go on past the limit: people should hear of it well before.
LOUD_SHARE = 0.8


def record_weight(limits: Iterable[RateLimit], health: SourceHealth, now: datetime) -> None:
    """Keep the weight used so far in `health`, with a note when it comes near the limit."""
    for limit in limits:
        if (
            limit.rate_limit_type == "REQUEST_WEIGHT"
            and limit.interval == "MINUTE"
            and limit.interval_num == 1
        ):
            minute_ends = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
            health.budget = CallBudgetState(limit.limit, max(limit.limit - limit.count, 0), minute_ends)
            loud = limit.count >= LOUD_SHARE * limit.limit
            # Without the figure, which changes with every answer and would be news each time.
            health.set_notice(
                "weight", f"over {LOUD_SHARE:.0%} of the request weight is used" if loud else None
            )
