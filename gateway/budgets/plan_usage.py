"""Usage by plan, for metrics: a count for each key would be too many."""

from dataclasses import dataclass


@dataclass(slots=True)
class PlanUsage:
    """Counts since the start of the process."""

    spent: int = 0
    """Points of accounts that are forgotten."""
    refused: int = 0
    """Operations refused because a budget was spent."""
    throttled: int = 0
    """Subscriptions that began throttled."""
    restored: int = 0
    """Subscriptions that got all events again."""
