"""Budgets of IPv6 sites: a /48 has 65,536 networks, and each has a budget of its own."""

import asyncio

import pytest

from access.memory_lease_store import MemoryLeaseStore
from access.plan import SHIPPED_PLANS, PlanLimits
from gateway.budgets.account_registry import Accounts
from gateway.budgets.site_accounts import NETWORKS_OF_A_SITE
from gateway.client_limits import read_network, read_site
from rates.errors import BudgetExhausted

PLANS = {**SHIPPED_PLANS, "anonymous": PlanLimits(points=6_000).named("anonymous")}
# Of a plan of 6,000 points in 60 s: 600 are held back for leases.
CAPACITY = 5_400


class Time:
    """A time that a test sets, in seconds."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def seconds(self) -> float:
        return self.now_s


@pytest.fixture
def now() -> Time:
    return Time()


@pytest.fixture
def accounts(now: Time) -> Accounts:
    return Accounts(MemoryLeaseStore(now.seconds), PLANS, grace_s=60, now_s=now.seconds)


def network(number: int, site: str = "2001:db8:1") -> str:
    """The name of one of the networks of a site."""
    return read_network(f"{site}:{number:x}::1")


async def spend(accounts: Accounts, address: str, points: int = 100) -> int:
    """Charge an address until its budget is spent; return the points."""
    spent = 0
    while True:
        try:
            await accounts.charge(accounts.of_address(address), points)
        except BudgetExhausted:
            return spent
        spent += points


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("2001:db8::1", "2001:db8::/48"),
        ("192.0.2.7", None),
        ("::ffff:192.0.2.7", None),
        ("unknown", None),
        ("a/b", None),
        ("", None),
    ],
)
def test_a_site_is_a_48_of_ipv6(address: str, site: str | None) -> None:
    """Other addresses have none, whatever a proxy says of its clients."""
    assert read_site(read_network(address)) == site


async def test_one_network_may_spend_its_whole_budget(accounts: Accounts) -> None:
    """As an address of IPv4 may."""
    assert await spend(accounts, network(1)) == await spend(accounts, "192.0.2.7")


async def test_all_networks_of_a_site_together_spend_sixteen_budgets(accounts: Accounts, now: Time) -> None:
    """Other sites are not affected; what is spent comes back."""
    spent = sum([await spend(accounts, network(number)) for number in range(3 * NETWORKS_OF_A_SITE)])
    most = NETWORKS_OF_A_SITE * CAPACITY
    assert 0.7 * most <= spent <= most
    assert await spend(accounts, network(1, "2001:db8:2")) > 0.9 * CAPACITY
    newest = network(1_000)
    # Known before the request is read, once it was found out.
    with pytest.raises(BudgetExhausted):
        await accounts.charge(accounts.of_address(newest), 5_000)
    assert accounts.of_address(newest).refused == 1
    now.now_s += 30
    assert await spend(accounts, newest) > 0


async def test_a_site_is_no_client_of_its_own_in_figures(accounts: Accounts) -> None:
    """The points of its networks count once, and as theirs."""
    for number in range(3):
        await accounts.charge(accounts.of_address(network(number)), 100)
    assert len(accounts) == 3
    assert sum(account.spent for account in accounts) == 300


async def test_a_site_is_forgotten_with_its_networks(accounts: Accounts) -> None:
    """Its spent points are known in Redis."""
    account = accounts.of_address(network(1))
    assert account.site is accounts.of_address(network(2)).site
    assert len(accounts._sites) == 1
    accounts._accounts.clear()
    del account
    await asyncio.sleep(0)
    assert len(accounts._sites) == 0
