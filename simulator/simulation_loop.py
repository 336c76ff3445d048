"""The one task that moves the world on by the clock, hands its frames to subscribers and keeps connections alive.

Every frame of every stream passes `_publish`; every answer to a request is preceded by `catch_up`.
"""

import asyncio
from collections.abc import KeysView
from typing import Protocol

import structlog

from simulator.markets import Frame, World
from simulator.nanotime import MS, SECOND, NsClock

MAX_SLEEP_SECONDS = 0.05  # frames are at most this late, and a clock that a test moves is noticed this soon
YIELD_EVERY_FRAMES = 200  # frames; keeps requests answered while a fast replay pours out

log = structlog.get_logger()


class Subscriber(Protocol):
    """A stream connection."""

    async def deliver(self, frame: Frame) -> None:
        """Queue a frame of a subscribed stream."""


class TimerListener(Protocol):
    """A connection that wants to be looked at from time to time."""

    def on_timer(self, now_ns: int) -> None:
        """Send a ping or give up, if it is time."""


class SimulationLoop:
    """Owner of the world's time."""

    def __init__(self, world: World, clock: NsClock) -> None:
        self.world = world
        self.clock = clock
        self.connections: set[TimerListener] = set()
        self._subscribers: dict[str, dict[Subscriber, None]] = {}
        self._moving = asyncio.Lock()
        self._wake = asyncio.Event()

    @property
    def wanted(self) -> KeysView[str]:
        """The streams that have a subscriber."""
        return self._subscribers.keys()

    def subscribe(self, subscriber: Subscriber, stream: str) -> None:
        """From now on the subscriber gets the frames of the stream."""
        self._subscribers.setdefault(stream, {})[subscriber] = None

    def unsubscribe(self, subscriber: Subscriber, stream: str) -> None:
        """No frames of the stream any more."""
        subscribers = self._subscribers.get(stream, {})
        subscribers.pop(subscriber, None)
        if not subscribers:
            self._subscribers.pop(stream, None)

    def begin(self) -> None:
        """A client asked for prices: a replay that waits for one begins now."""
        self.world.begin(self.clock())
        self._wake.set()

    async def catch_up(self) -> None:
        """Move the world on to now; if it is being moved already, its present state is as good."""
        if not self._moving.locked():
            await self._move()

    async def run(self) -> None:
        """Move the world on until cancelled."""
        while True:
            await self._move()
            now_ns = self.clock()
            for connection in tuple(self.connections):
                connection.on_timer(now_ns)
            await self._sleep_until_due(now_ns)

    async def _move(self) -> None:
        async with self._moving:
            for count, frame in enumerate(self.world.advance(self.clock(), self.wanted), start=1):
                await self._publish(frame)
                if count % YIELD_EVERY_FRAMES == 0:
                    await asyncio.sleep(0)

    async def _publish(self, frame: Frame) -> None:
        for subscriber in tuple(self._subscribers.get(frame.stream, ())):
            await subscriber.deliver(frame)

    async def _sleep_until_due(self, now_ns: int) -> None:
        due_ns = self.world.due_ns()
        wait = MAX_SLEEP_SECONDS if due_ns is None else (due_ns - now_ns) / SECOND
        self._wake.clear()
        try:
            async with asyncio.timeout(max(MS / SECOND, min(wait, MAX_SLEEP_SECONDS))):
                await self._wake.wait()
        except TimeoutError:
            return
