"""The header fields `RateLimit` and `RateLimit-Policy`.

Link: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ (structured fields, from version 08 on)
"""

from math import ceil

from access.plan import Plan
from rates.errors import BudgetExhausted

NAME, POLICY_NAME = "ratelimit", "ratelimit-policy"
POLICY = "default"
# Of the quota: points of cost, not requests.
UNIT = "points"


def rate_limit(remaining: int, full_s: float) -> str:
    """Return the value of `RateLimit`.

    It has the points that are left, and the seconds until all are available again.
    """
    return f'"{POLICY}";r={remaining};t={ceil(full_s)}'


def format_rate_limit(value: str) -> bytes:
    """Return the line of `RateLimit` for a response."""
    return f"{NAME}: {value}\r\n".encode()


def rate_limit_policy(plan: Plan) -> str | None:
    """Return the value of `RateLimit-Policy`, or `None` for a plan without a limit."""
    if plan.points is None:
        return None
    return f'"{POLICY}";q={plan.points};qu="{UNIT}";w={plan.window_s}'


def refusal_headers(error: BudgetExhausted, plan: Plan) -> dict[str, str]:
    """Return when to come back, the budget and its policy."""
    headers = {
        "retry-after": str(ceil(error.retry_ms / 1000)),
        NAME: rate_limit(error.remaining, error.full_s),
    }
    policy = rate_limit_policy(plan)
    return headers if policy is None else {**headers, POLICY_NAME: policy}
