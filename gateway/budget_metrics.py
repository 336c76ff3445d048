"""Metrics of budgets, by plan: a series for each key would be too many."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from access.plan import ANONYMOUS
from gateway.budgets.account_registry import Accounts
from gateway.budgets.plan_usage import OF_A_PLAN, OF_NO_KEY


def describe_budgets(accounts: Accounts) -> Iterator[Metric]:
    """Yield what the clients of each plan have used on this gateway."""
    yield GaugeMetricFamily(
        "ratewire_budget_store_away",
        "Whether budgets are not shared with other gateways: Redis is away.",
        value=float(accounts.is_store_away),
    )
    clients, streams = (Counter(dict.fromkeys(accounts.usage, 0)) for _ in range(2))
    spent = Counter({plan: usage.spent for plan, usage in accounts.usage.items()})
    for account in accounts:
        clients[account.plan.name] += 1
        streams[account.plan.name] += account.stream_points
        spent[account.plan.name] += account.spent
    counters = [
        _counter("points", "Points spent.", spent),
        _counter("throttled", "Subscriptions that began throttled.", _count(accounts, "throttled")),
        _counter(
            "restored", "Throttled subscriptions that got all events again.", _count(accounts, "restored")
        ),
    ]
    gauges = [
        _gauge("clients", "Keys, and addresses without one, seen in the last minute.", clients),
        _gauge("stream_points", "Points that subscriptions cost each second.", streams),
    ]
    yield from counters
    yield _describe_denials(accounts)
    yield from gauges


def _describe_denials(accounts: Accounts) -> CounterMetricFamily:
    family = CounterMetricFamily(
        "ratewire_denied_requests",
        "Requests, sockets and subscriptions denied, by the plan of the client and the reason.",
        labels=("plan", "reason"),
    )
    for plan, usage in accounts.usage.items():
        for reason in (*OF_A_PLAN, *(OF_NO_KEY if plan == ANONYMOUS else ())):
            family.add_metric((plan, reason), usage.denied[reason])
    return family


def _count(accounts: Accounts, name: str) -> Counter[str]:
    return Counter({plan: getattr(usage, name) for plan, usage in accounts.usage.items()})


def _counter(name: str, text: str, values: Counter[str]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"ratewire_budget_{name}", text, labels=("plan",))
    for plan, value in values.items():
        family.add_metric((plan,), value)
    return family


def _gauge(name: str, text: str, values: Counter[str]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"ratewire_budget_{name}", text, labels=("plan",))
    for plan, value in values.items():
        family.add_metric((plan,), value)
    return family
