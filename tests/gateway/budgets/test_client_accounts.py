"""Accounts of clients by their addresses, and the pace of those whose keys do not count."""

import asyncio
from typing import Any

from access.memory_lease_store import MemoryLeaseStore
from access.plan import SHIPPED_PLANS
from access.principal import ANONYMOUS
from gateway.budgets.account_registry import Accounts
from gateway.budgets.client_accounts import ClientAccounts
from rates.errors import AccessDenied, DenialReason, Forbidden, Unauthenticated

WRONG = Unauthenticated(DenialReason.UNKNOWN)
NO_SCOPE = Forbidden(DenialReason.SCOPE, scope="history")
MANY = 1_000


def test_what_a_proxy_passes_on_never_names_a_key() -> None:
    """Otherwise a client could spend the budget of somebody else's key."""
    accounts = Accounts(MemoryLeaseStore(), SHIPPED_PLANS, grace_s=60)
    clients = ClientAccounts(accounts, ["127.0.0.1"])
    keyed = accounts.of_key("abc", "standard")
    pretended = clients.of_peer(("127.0.0.1", 1), b"key:abc", ANONYMOUS)
    assert pretended is not keyed
    assert pretended.name != keyed.name
    assert pretended.plan.name == "anonymous"


async def denied_at_once(clients: ClientAccounts, error: AccessDenied, address: str, count: int) -> int:
    """Deny so many requests of an address at once, and return how many of them wait for nothing."""
    scope: dict[str, Any] = {"client": (address, 1)}
    denials = [asyncio.create_task(clients.deny(error, scope)) for _ in range(count)]
    await asyncio.sleep(0)
    done = sum(each.done() for each in denials)
    for each in denials:
        each.cancel()
    await asyncio.wait(denials)
    return done


async def test_an_address_that_sends_many_wrong_keys_hears_of_them_slowly() -> None:
    """Not its first ones, nor other addresses, nor what was charged before it was denied."""
    clients = ClientAccounts(Accounts(MemoryLeaseStore(), SHIPPED_PLANS, grace_s=60), [])
    assert await denied_at_once(clients, NO_SCOPE, "192.0.2.1", MANY) == MANY
    assert await denied_at_once(clients, WRONG, "192.0.2.1", 5) == 5
    assert await denied_at_once(clients, WRONG, "192.0.2.1", MANY) < MANY / 2
    assert await denied_at_once(clients, WRONG, "192.0.2.2", 5) == 5
