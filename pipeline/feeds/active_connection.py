"""A running connection of a supervisor, and the symbols that it has delivered so far."""

import asyncio
from dataclasses import dataclass, field

from pipeline.feeds.push_connection import POLL_INTERVAL_S, PushConnection
from rates.errors import SourceError
from rates.symbol import Symbol


@dataclass(eq=False)
class ActiveConnection:
    """A running connection. `delivered`: the symbols that it has delivered so far."""

    connection: PushConnection
    retires_after_s: float
    task: asyncio.Task[SourceError] | None = None
    delivered: set[Symbol] = field(default_factory=set)
    going_away: str | None = None

    @property
    def failure(self) -> SourceError | None:
        """The error that ended the connection; `None` while it runs, or if we ended it."""
        task = self.task
        return task.result() if task is not None and task.done() and not task.cancelled() else None

    def age_s(self) -> float:
        """Return the seconds since the connection was opened."""
        opened_at = self.connection.opened_at
        return 0.0 if opened_at is None else asyncio.get_running_loop().time() - opened_at


async def wait_any(*active: ActiveConnection) -> None:
    """Wait until one of the connections ends, at most one poll interval."""
    tasks = [one.task for one in active if one.task is not None and not one.task.done()]
    if tasks:
        await asyncio.wait(tasks, timeout=POLL_INTERVAL_S, return_when=asyncio.FIRST_COMPLETED)
    else:
        await asyncio.sleep(POLL_INTERVAL_S)


async def stop(active: ActiveConnection) -> None:
    """Cancel a connection and wait until it has ended."""
    assert active.task is not None
    active.task.cancel()
    await asyncio.wait([active.task])
