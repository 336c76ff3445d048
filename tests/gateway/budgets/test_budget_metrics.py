"""Metrics of budgets: by plan, never by key or address."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from access.memory_lease_store import MemoryLeaseStore
from access.plan import SHIPPED_PLANS, PlanLimits
from gateway.budget_metrics import describe_budgets
from gateway.budgets.account_registry import Accounts
from gateway.budgets.open_stream import OpenSocket, PlanLimitReached, StreamCost
from rates.errors import AccessUnavailable, BudgetExhausted, DenialReason, Forbidden, Unauthenticated


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
    labels = {label for family in registry.collect() for sample in family.samples for label in sample.labels}
    assert labels == {"plan", "reason"}


async def test_what_is_denied_is_counted_by_plan_and_reason() -> None:
    """A client whose key does not count has the plan of those without one."""
    plans = {**SHIPPED_PLANS, "small": PlanLimits(points=600, sockets=0).named("small")}
    accounts = Accounts(MemoryLeaseStore(), plans, grace_s=60)
    registry = CollectorRegistry()
    registry.register(_Budgets(accounts))

    def read() -> dict[tuple[str, str], float]:
        return {
            (sample.labels["plan"], sample.labels["reason"]): sample.value
            for family in registry.collect()
            for sample in family.samples
            if sample.name == "ratewire_denied_requests_total"
        }

    before = read()
    assert set(before.values()) == {0}
    small = accounts.of_key("k1", "small")
    await accounts.charge(small, 500)
    with pytest.raises(BudgetExhausted):
        await accounts.charge(small, 100)
    with pytest.raises(PlanLimitReached):
        OpenSocket(small)
    for error in (
        Unauthenticated(DenialReason.REVOKED),
        Forbidden(DenialReason.SCOPE, plan="small", scope="history"),
        Forbidden(DenialReason.ORIGIN, plan="no such plan"),
        AccessUnavailable("keys cannot be verified at present"),
    ):
        accounts.note_denied(error)
    assert {each: count for each, count in read().items() if count} == {
        ("small", "budget"): 1,
        ("small", "sockets"): 1,
        ("small", "scope"): 1,
        ("anonymous", "revoked"): 1,
        ("anonymous", "origin"): 1,
        ("anonymous", "unconfirmed"): 1,
    }
    # A series exists before its first count, so that its rate is right from the start.
    assert read().keys() == before.keys()
