"""Operations on a socket wait for their points, where these come back soon.

Clients take an error of an operation for its end. HTTP has a status for a moment without points, a WebSocket has not.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.budgets.account import Account
from rates.errors import BudgetExhausted

# As long as a new subscription waits for its admission by default.
POINTS_WAIT_S = 3.0
# Others of the client may spend the points that come back: then the next attempt is not at once.
LEAST_PAUSE_S = 0.01

ResultT = TypeVar("ResultT")


async def retry_with_points(
    account: Account, exhausted: BudgetExhausted, attempt: Callable[[], Awaitable[ResultT]]
) -> ResultT:
    """Repeat an attempt once there are points for it, for at most `POINTS_WAIT_S`.

    The attempts of one account take turns in the order of their arrival.

    Raises:
        BudgetExhausted: the points come back later, or others wait for too many before.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + POINTS_WAIT_S
    try:
        if exhausted.retry_ms / 1000 > POINTS_WAIT_S:
            raise exhausted
        async with account.waiting:
            # Others that waited before this one may have leased enough for it, too.
            may_begin = account.left >= exhausted.cost
            while True:
                pause_s = max(LEAST_PAUSE_S, exhausted.retry_ms / 1000)
                if not may_begin:
                    if loop.time() + pause_s > deadline:
                        raise exhausted
                    await asyncio.sleep(pause_s)
                may_begin = False
                try:
                    return await attempt()
                except BudgetExhausted as exc:
                    exhausted = exc
    finally:
        # The traceback of an error refers to this frame: a variable that refers to the error would make a cycle.
        del exhausted
