"""Forgetting of accounts whose clients are away."""

from collections.abc import Iterable, Mapping

from gateway.budgets.account import Account
from gateway.budgets.plan_usage import PlanUsage

# Accounts without anything open are forgotten after this time without a request; their leases have ended by then.
FORGET_S = 60.0

AccountKey = str | tuple[str, str]
"""An address, or a key with its plan: tokens of one subject may name different plans."""


class IdleAccounts:
    """Removes accounts that hold nothing open from `accounts`.

    They are not swept any more either (`active`). What they have spent is added to the `usage` of their plan.
    """

    def __init__(
        self, accounts: dict[AccountKey, Account], active: set[Account], usage: Mapping[str, PlanUsage]
    ) -> None:
        self._accounts, self._active, self._usage = accounts, active, usage

    def forget(self, now_s: float) -> None:
        """Forget the accounts that were not used for a while."""
        accounts = list(self._accounts.values())
        for account in accounts:
            if account.spent != account.swept_spent:
                # Charged on the fast path, which notes no time.
                account.swept_spent, account.used_s = account.spent, now_s
        self._forget(each for each in accounts if each.is_idle and each.used_s < now_s - FORGET_S)

    def forget_oldest(self) -> None:
        """Forget a tenth of the idle accounts, those that were used least recently."""
        idle = sorted(
            (each for each in self._accounts.values() if each.is_idle), key=lambda each: each.used_s
        )
        self._forget(idle[: max(1, len(idle) // 10)])

    def _forget(self, accounts: Iterable[Account]) -> None:
        for account in accounts:
            if self._accounts.get(account.key) is account:
                del self._accounts[account.key]
                self._active.discard(account)
                self._usage[account.plan.name].spent += account.spent
