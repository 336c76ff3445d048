"""The accounts of IPv6 sites (/48), to which what their networks lease is charged, too."""

from collections.abc import Callable
from weakref import WeakValueDictionary

from access.plan import Plan
from gateway.budgets.account import Account
from gateway.client_limits import read_site

# What all networks of an IPv6 site may spend without keys together, as a multiple of what one of them may.
NETWORKS_OF_A_SITE = 16


class SiteAccounts:
    """Finds the accounts of sites. `plan` is that of clients without keys."""

    def __init__(self, plan: Plan, now_s: Callable[[], float]) -> None:
        self._plan = plan.multiplied(NETWORKS_OF_A_SITE)
        self._now_s = now_s
        # They live as long as the accounts of their networks, or as they hold leased points.
        self._sites: WeakValueDictionary[str, Account] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._sites)

    def of_network(self, address: str) -> Account | None:
        """Return the account of the site of an IPv6 network; `None` for another address."""
        name = read_site(address)
        if name is None:
            return None
        found = self._sites.get(name)
        if found is None:
            # It counts for no plan: its networks do.
            found = self._sites[name] = Account(name, name, self._plan, self._now_s())
        return found
