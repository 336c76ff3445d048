"""The most active clients of a gateway process.

Found when somebody asks: no metric is by client.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from enum import Enum
from heapq import nlargest
from typing import NamedTuple

from gateway.budgets.account import Account, UsageMark
from gateway.budgets.plan_usage import SOCKETS, SUBSCRIPTIONS
from rates.clock import Clock

# Points and refusals are counted from the last mark but one: for this time to twice as long.
MARK_S = 30.0
# Accounts of one turn of the loop.
AT_ONCE = 500


class Activity(Enum):
    """The figure by which clients are compared."""

    SPENT_POINTS = "spent_points"
    REFUSALS = "refusals"
    THROTTLED_SUBSCRIPTIONS = "throttled_subscriptions"
    SOCKETS = "sockets"
    SUBSCRIPTIONS = "subscriptions"


class ClientUsage(NamedTuple):
    """The use of this process by one client: points and refusals lately, and what is open now."""

    account: Account
    spent_points: int
    refusals: int
    throttled_subscriptions: int
    sockets: int
    subscriptions: int

    @classmethod
    def of(cls, account: Account) -> "ClientUsage":
        """Return what an account has used since its last mark but one."""
        return cls(
            account,
            account.spent - account.marks[0].spent,
            account.refused - account.marks[0].refused,
            len(account.throttled),
            account.open[SOCKETS],
            account.open[SUBSCRIPTIONS],
        )


class TopClients(NamedTuple):
    """The most active clients first; points and refusals are those since `since`."""

    since: datetime
    known_count: int
    """Clients that this process knows."""
    clients: list[ClientUsage]


class ClientActivity:
    """Compares the accounts of a process. `mark` has to be called every `MARK_S` seconds."""

    def __init__(self, read_accounts: Callable[[], Iterable[Account]], clock: Clock) -> None:
        self._read_accounts, self._clock = read_accounts, clock
        self._since = self._marked_at = clock()

    async def mark(self) -> None:
        """Note what each account has used so far."""
        self._since, self._marked_at = self._marked_at, self._clock()
        async for part in _in_turns(list(self._read_accounts())):
            for account in part:
                account.marks = account.marks[1], UsageMark(account.spent, account.refused)

    async def find_top(self, count: int, by: Activity) -> TopClients:
        """Find the clients with the largest figure; none whose figure is 0."""
        since, accounts = self._since, list(self._read_accounts())

        def figure(usage: ClientUsage) -> tuple[int, str]:
            return getattr(usage, by.value), usage.account.name

        top: list[ClientUsage] = []
        async for part in _in_turns(accounts):
            used = (each for each in map(ClientUsage.of, part) if figure(each)[0] > 0)
            top = nlargest(count, [*top, *used], key=figure)
        return TopClients(since, len(accounts), top)


async def _in_turns(accounts: Sequence[Account]) -> AsyncIterator[Sequence[Account]]:
    """Yield parts of the accounts. Between two of them others have their turn."""
    for begin in range(0, len(accounts), AT_ONCE):
        yield accounts[begin : begin + AT_ONCE]
        await asyncio.sleep(0)
