"""A lane's connections under way: what each has delivered so far, and how it ended."""

import asyncio
from dataclasses import dataclass, field

from pipeline.feeds.push_connection import TURN_S, PushConnection
from rates.errors import SourceError
from rates.symbol import Symbol


@dataclass(eq=False)
class ActiveConnection:
    """A connection under way; `seen`: the symbols that it has delivered so far."""

    link: PushConnection
    retires_after_s: float
    task: asyncio.Task[SourceError] | None = None
    seen: set[Symbol] = field(default_factory=set)
    going_away: str | None = None

    @property
    def failure(self) -> SourceError | None:
        """How it ended; `None` while it goes on, or when we ended it."""
        task = self.task
        return task.result() if task is not None and task.done() and not task.cancelled() else None

    def age(self) -> float:
        """Seconds since it was opened."""
        opened_at = self.link.opened_at
        return 0.0 if opened_at is None else asyncio.get_running_loop().time() - opened_at


async def wait_any(*lives: ActiveConnection) -> None:
    """Until one of them ends, at most a turn."""
    tasks = [live.task for live in lives if live.task is not None and not live.task.done()]
    if tasks:
        await asyncio.wait(tasks, timeout=TURN_S, return_when=asyncio.FIRST_COMPLETED)
    else:
        await asyncio.sleep(TURN_S)


async def stop(live: ActiveConnection) -> None:
    """End it, and wait until it has."""
    assert live.task is not None
    live.task.cancel()
    await asyncio.wait([live.task])
