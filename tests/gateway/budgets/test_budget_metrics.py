"""Metrics of budgets: by plan, never by key or address."""

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from access.memory_lease_store import MemoryLeaseStore
from access.plan import SHIPPED_PLANS
from gateway.budget_metrics import describe_budgets
from gateway.budgets.account_registry import Accounts
from gateway.budgets.open_stream import StreamCost


class _Budgets(Collector):
    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def collect(self) -> list[Metric]:
        """Collect the families."""
        return list(describe_budgets(self._accounts))


async def test_what_is_used_is_summed_by_plan() -> None:
    """Two addresses are one series, and no name of a client is told."""
    accounts = Accounts(MemoryLeaseStore(), SHIPPED_PLANS, grace_s=60)
    for address in ("192.0.2.7", "192.0.2.8"):
        await accounts.charge(accounts.of_address(address), 100)
    key = accounts.of_key("k1", "standard")
    await accounts.charge(key, 7)
    accounts.open_stream(key, StreamCost(11, 1))
    registry = CollectorRegistry()
    registry.register(_Budgets(accounts))

    def read(name: str, plan: str) -> float | None:
        return registry.get_sample_value(f"ratewire_budget_{name}", {"plan": plan})

    assert read("points_total", "anonymous") == 200
    assert read("points_total", "standard") == 7
    assert read("points_total", "unlimited") == 0
    assert read("clients", "anonymous") == 2
    assert read("stream_points", "standard") == 11
    assert read("refusals_total", "standard") == 0
    labels = {label for family in registry.collect() for sample in family.samples for label in sample.labels}
    assert labels == {"plan"}
