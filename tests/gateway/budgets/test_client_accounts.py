"""The accounts of clients by their addresses, as proxies tell them."""

from access.memory_lease_store import MemoryLeaseStore
from access.plan import SHIPPED_PLANS
from access.principal import ANONYMOUS
from gateway.budgets.account_registry import Accounts
from gateway.budgets.client_accounts import ClientAccounts


def test_what_a_proxy_passes_on_never_names_a_key() -> None:
    """Otherwise a client could spend the budget of somebody else's key."""
    accounts = Accounts(MemoryLeaseStore(), SHIPPED_PLANS, grace_s=60)
    clients = ClientAccounts(accounts, ["127.0.0.1"])
    keyed = accounts.of_key("abc", "standard")
    pretended = clients.of_peer(("127.0.0.1", 1), b"key:abc", ANONYMOUS)
    assert pretended is not keyed
    assert pretended.name != keyed.name
    assert pretended.plan.name == "anonymous"
