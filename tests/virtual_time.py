"""An event loop whose time passes only when nothing is left to do: fast and repeatable."""

import asyncio
import random
import selectors
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tests.gateway.fakes import NOON

T = TypeVar("T")


class NothingScheduledError(Exception):
    """Nothing is scheduled: the loop would wait for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    """Advances the clock instead of sleeping."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingScheduledError
        self.now += max(0.0, timeout)
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """With a `seed`, whatever is ready at the same moment runs in random order."""

    _ready: Any

    def __init__(self, seed: int | None = None) -> None:
        self._jumping = _JumpingSelector()
        self._random = None if seed is None else random.Random(seed)
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def clock(self) -> datetime:
        """The loop time as a datetime."""
        return NOON + timedelta(microseconds=round(self.time() * 1_000_000))

    def _run_once(self) -> None:
        if self._random is not None and len(self._ready) > 1:
            ready = list(self._ready)
            self._random.shuffle(ready)
            self._ready.clear()
            self._ready.extend(ready)
        super()._run_once()  # type: ignore[misc]  # asyncio's own, typed nowhere


def run_virtually(main: Coroutine[Any, Any, T], seed: int | None = None) -> T:
    """Run `main` in virtual time."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(seed)) as runner:
        return runner.run(main)
