"""The task that advances the market with the clock, delivers its frames and drives timers.

Every frame of every stream passes `_publish`; `catch_up` runs before every answer to a request.
"""

import asyncio
from collections.abc import Callable, KeysView
from typing import Protocol

import structlog

from simulator.markets import Frame, World
from simulator.nanotime import SECOND, NsClock

# Frames of one turn reach each client in one write, which takes a third of the work off; they are at most this late.
MIN_SLEEP_SECONDS = 0.02
MAX_SLEEP_SECONDS = 0.05  # bounds how late a clock moved by a test is noticed
YIELD_EVERY_FRAMES = 200  # frames; keeps requests answered during a fast replay

log = structlog.get_logger()


class FeedSubscriber(Protocol):
    """A connection that subscribes to streams."""

    async def deliver(self, frame: Frame) -> None:
        """Enqueue a frame of a subscribed stream."""


class TimerListener(Protocol):
    """A connection with work that is due by time."""

    def on_timer(self, now_ns: int) -> None:
        """Send a ping or close, when due."""


class SimulationLoop:
    """Advances the market's time; the only task that does."""

    def __init__(self, world: World, clock: NsClock) -> None:
        self.world = world
        self.clock = clock
        self.connections: set[TimerListener] = set()
        self._subscribers: dict[str, dict[FeedSubscriber, None]] = {}
        self._advancing = asyncio.Lock()
        self._wake = asyncio.Event()

    @property
    def subscribed_streams(self) -> KeysView[str]:
        """The streams that have a subscriber."""
        return self._subscribers.keys()

    def subscribe(self, subscriber: FeedSubscriber, stream: str) -> None:
        """Deliver the frames of the stream to the subscriber from now on."""
        self._subscribers.setdefault(stream, {})[subscriber] = None

    def unsubscribe(self, subscriber: FeedSubscriber, stream: str) -> None:
        """Stop delivering the frames of the stream to the subscriber."""
        subscribers = self._subscribers.get(stream, {})
        subscribers.pop(subscriber, None)
        if not subscribers:
            self._subscribers.pop(stream, None)

    def drop_subscriptions(self, is_dropped: Callable[[str], bool]) -> int:
        """Forget the subscribers of some streams, without telling them; return their number.

        They receive nothing until they subscribe again.
        """
        streams = [stream for stream in self._subscribers if is_dropped(stream)]
        return sum(len(self._subscribers.pop(stream)) for stream in streams)

    def start_replay(self) -> None:
        """Start a replay that waits for its first client."""
        self.world.begin(self.clock())
        self._wake.set()

    async def catch_up(self) -> None:
        """Advance the market to now. While another task advances it, its current state is used."""
        if not self._advancing.locked():
            await self._advance()

    async def run(self) -> None:
        """Advance the market until cancelled."""
        while True:
            await self._advance()
            now_ns = self.clock()
            for connection in tuple(self.connections):
                connection.on_timer(now_ns)
            await self._sleep_until_due(now_ns)

    async def _advance(self) -> None:
        async with self._advancing:
            for count, frame in enumerate(self.world.advance(self.clock(), self.subscribed_streams), start=1):
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
            async with asyncio.timeout(max(MIN_SLEEP_SECONDS, min(wait, MAX_SLEEP_SECONDS))):
                await self._wake.wait()
        except TimeoutError:
            return
