"""The subscriptions of one connection, counted for its address and its plan."""

from gateway.budgets.account import Account
from gateway.budgets.account_registry import Accounts
from gateway.budgets.open_stream import OpenStream, PlanLimitReached, StreamCost
from gateway.budgets.plan_usage import SUBSCRIPTIONS
from gateway.client_limits import ClientLimit


class SubscriptionSlots:
    """Holds a slot for each running subscription, by the id of its operation."""

    __slots__ = ("_accounts", "_address", "_limit", "_taken")

    def __init__(self, limit: ClientLimit, address: str, accounts: Accounts) -> None:
        self._limit = limit
        self._address = address
        self._accounts = accounts
        self._taken: dict[str, OpenStream] = {}

    def take(self, operation: str, account: Account, cost: StreamCost) -> OpenStream:
        """Take a slot. Return the subscription in the budget of its client.

        Raises:
            ClientLimitReached: there is none.
        """
        most = account.plan.subscriptions_per_socket
        if most is not None and len(self._taken) >= most:
            account.deny(SUBSCRIPTIONS)
            raise PlanLimitReached(SUBSCRIPTIONS, most, account.plan.name, " on this connection")
        self._limit.take(self._address)
        try:
            stream = self._taken[operation] = self._accounts.open_stream(account, cost)
        except PlanLimitReached:
            self._limit.release(self._address)
            raise
        return stream

    def release(self, operation: str) -> None:
        """Give back the slot of an operation, if it has one."""
        stream = self._taken.pop(operation, None)
        if stream is not None:
            stream.close()
            self._limit.release(self._address)

    def release_all(self) -> None:
        """Give back all slots."""
        for operation in list(self._taken):
            self.release(operation)
