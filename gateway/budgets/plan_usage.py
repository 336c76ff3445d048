"""Usage by plan, for metrics: a count for each key would be too many."""

from collections import Counter
from dataclasses import dataclass, field

from rates.errors import DenialReason

BUDGET, SOCKETS, SUBSCRIPTIONS = "budget", "sockets", "subscriptions"
# Keys cannot be verified at present.
UNCONFIRMED = "unconfirmed"
OF_A_PLAN = (
    BUDGET,
    SOCKETS,
    SUBSCRIPTIONS,
    *(each.lower() for each in (DenialReason.ORIGIN, DenialReason.SCOPE)),
)
"""Reasons for which clients of any plan are denied."""
OF_NO_KEY = (
    *(each.lower() for each in DenialReason if each not in {DenialReason.ORIGIN, DenialReason.SCOPE}),
    UNCONFIRMED,
)
"""Those of a client whose key does not count, or who has none: it has no plan but the anonymous one."""


@dataclass(slots=True)
class PlanUsage:
    """Counts since the start of the process."""

    spent: int = 0
    """Points of accounts that are forgotten."""
    denied: Counter[str] = field(default_factory=Counter)
    """Operations, sockets and subscriptions that were denied, by the reason."""
    throttled: int = 0
    """Subscriptions that began throttled."""
    restored: int = 0
    """Subscriptions that got all events again."""
