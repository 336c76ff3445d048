"""Open sockets and subscriptions of clients, and their part of the budget of streams."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

from gateway.budgets.account import Account
from gateway.budgets.plan_usage import SOCKETS, SUBSCRIPTIONS, PlanUsage
from gateway.client_limits import ClientLimitReached


class StreamCost(NamedTuple):
    """Points a second of a subscription, and of one that is throttled."""

    points: int
    throttled: int


class PlanLimitReached(ClientLimitReached):
    """A client holds as many open as its plan allows: `limit` of `name`."""

    def __init__(self, name: str, limit: int, plan: str, where: str = "") -> None:
        super().__init__(name, limit, is_of_address=True)
        self.plan = plan
        self.args = (
            f"{limit} {name} are open{where}, the limit of your plan ({plan}): close one, or try again later",
        )

    @property
    def extensions(self) -> dict[str, Any]:
        return {**super().extensions, "scope": "PLAN"}


class OpenStream:
    """A running subscription of an account, until it is closed.

    A throttled one is restored when the budget of streams allows it.

    Raises:
        PlanLimitReached: the plan allows no more.
    """

    def __init__(self, account: Account, cost: StreamCost, usage: PlanUsage) -> None:
        take(account, SUBSCRIPTIONS, account.plan.subscriptions)
        self._account = account
        limit = account.plan.stream_points
        used = account.stream_points + account.other_stream_points
        self.is_throttled = limit is not None and used + cost.points > limit
        """Whether it gets an event a second, because the budget of streams is spent."""
        self.on_restore: Callable[[], bool] = _is_done
        """Lets it have all events from now on; `False` if that is not possible at present."""
        self._cost, self._usage = cost, usage
        self._points = cost.throttled if self.is_throttled else cost.points
        account.stream_points += self._points
        if self.is_throttled:
            account.throttled[self] = None
            usage.throttled += 1

    @property
    def missing_points(self) -> int:
        """The points a second that it would cost more if it were not throttled."""
        return self._cost.points - self._points

    def restore(self) -> bool:
        """Let it have all events again. Return whether it has."""
        # First, so that whatever is made meanwhile is not throttled.
        self.is_throttled = False
        if not self.on_restore():
            self.is_throttled = True
            return False
        account = self._account
        del account.throttled[self]
        account.stream_points += self.missing_points
        self._points = self._cost.points
        self._usage.restored += 1
        return True

    def close(self) -> None:
        """Give back its part of the budget."""
        account = self._account
        account.stream_points -= self._points
        account.throttled.pop(self, None)
        release(account, SUBSCRIPTIONS)


current_stream: ContextVar[OpenStream | None] = ContextVar("current_stream", default=None)
"""The stream of the subscription whose task runs."""


def _is_done() -> bool:
    """Restore a stream that has not begun: it will not be throttled."""
    return True


class OpenSocket:
    """An open WebSocket or stream of an account, until it is closed.

    Raises:
        PlanLimitReached: the plan allows no more.
    """

    def __init__(self, account: Account) -> None:
        take(account, SOCKETS, account.plan.sockets)
        self.account = account

    def move_to(self, account: Account) -> None:
        """Count as a socket of another account: the client has said who it is.

        Raises:
            PlanLimitReached: the plan allows no more.
        """
        if account is not self.account:
            take(account, SOCKETS, account.plan.sockets)
            self.close()
            self.account = account

    def close(self) -> None:
        """Count no more."""
        release(self.account, SOCKETS)


def take(account: Account, name: str, limit: int | None) -> None:
    """Count one more that is open.

    Raises:
        PlanLimitReached: the plan allows no more.
    """
    if limit is not None and account.open[name] >= limit:
        account.deny(name)
        raise PlanLimitReached(name, limit, account.plan.name)
    account.open[name] += 1


def release(account: Account, name: str) -> None:
    """Count one less."""
    account.open[name] -= 1
