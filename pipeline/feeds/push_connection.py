"""One connection of a push feed at work: steered, listened to, given up when it is dead. It ends; it never comes back."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import NoReturn

from websockets.asyncio.client import ClientConnection

from instruments.instrument import Instrument
from pipeline.feeds.interval_stats import IntervalStats
from pipeline.feeds.liveness import Liveness, LivenessAction
from pipeline.feeds.protocol import FeedEvent, FeedProtocol, FeedSpec
from pipeline.health import SourceHealth
from pipeline.net.websocket import open_websocket
from pipeline.validation import Rejection
from rates.clock import Clock
from rates.errors import SourceProtocolError, SourceUnavailable
from rates.symbol import Symbol

# How often it is looked whether something is to be sent. Finer than any source's pace of control messages.
TURN_S = 0.1
# A control message is short: a socket that does not take it is stuck.
SEND_TIMEOUT_S = 5


class PushConnection:
    """`number` is its generation: higher than that of every connection before it."""

    def __init__(
        self,
        number: int,
        plan: FeedSpec,
        url: str,
        health: SourceHealth,
        rhythm: IntervalStats,
        *,
        simulated: bool,
        clock: Clock,
    ) -> None:
        self.number, self.url = number, url
        self._plan, self._health, self._rhythm = plan, health, rhythm
        self._simulated, self._clock = simulated, clock
        self._protocol: FeedProtocol = plan.open_protocol()
        self.opened_at: float | None = None
        self._unreadable: SourceProtocolError | None = None

    def track(self, instruments: Sequence[Instrument]) -> None:
        """From now on exactly these are wanted of it."""
        self._protocol.track(instruments)

    def resubscribe(self, symbols: Iterable[Symbol]) -> None:
        """Subscribe these once more."""
        self._protocol.resubscribe(symbols)

    async def run(self, on_event: Callable[[Sequence[FeedEvent]], None]) -> NoReturn:
        """Open it and tell `hear` what each message tells, until it fails or is cancelled.

        Raises:
            SourceError: it could not be opened, was lost, or is dead.
        """
        plan = self._plan
        async with open_websocket(
            plan.source,
            self.url,
            open_timeout=plan.connect_timeout,
            simulated=self._simulated,
            clock=self._clock,
            ping_interval=plan.ping_interval,
        ) as connection:
            self.opened_at = _now()
            liveness = Liveness(
                self._rhythm, idle_timeout_s=plan.idle_timeout.total_seconds(), now=self.opened_at
            )
            while True:
                await self._steer(connection, liveness)
                # One timeout a turn and not one a message: there are thousands of those in a second.
                with suppress(TimeoutError):
                    async with asyncio.timeout(TURN_S):
                        while True:
                            self._read(await connection.recv(decode=False), liveness, on_event)

    async def _steer(self, connection: ClientConnection, liveness: Liveness) -> None:
        await self._check(connection, liveness)
        message = self._protocol.next_message(_now())
        if message is not None:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await connection.send(message)

    async def _check(self, connection: ClientConnection, liveness: Liveness) -> None:
        """Whether it is worth going on with."""
        silence, source = liveness.silence(_now()), self._plan.source
        if self._unreadable is not None and silence >= self._plan.idle_timeout.total_seconds():
            # It lives, as a ping would show, and talks nonsense.
            raise SourceProtocolError(
                source, f"nothing readable for {silence:.1f} s, the last: {self._unreadable}"
            )
        step = liveness.check(_now())
        if step is LivenessAction.PROBE:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                pong = asyncio.ensure_future(await connection.ping())
            pong.add_done_callback(lambda answered: _note_answer(answered, liveness))
        elif step is LivenessAction.GIVE_UP:
            # No close handshake with somebody who is not there.
            connection.transport.abort()
            raise SourceUnavailable(source, f"silent for {silence:.1f} s on an open connection")

    def _read(
        self, frame: bytes | str, liveness: Liveness, on_event: Callable[[Sequence[FeedEvent]], None]
    ) -> None:
        data = frame.encode() if isinstance(frame, str) else frame
        try:
            events = self._protocol.receive(data, self._clock())
        except SourceProtocolError as exc:
            # One bad message is no reason to miss all others; when there are no good ones, silence tells.
            self._health.record_rejection(Rejection.UNREADABLE, str(exc))
            self._unreadable = exc
            return
        self._unreadable = None
        liveness.on_event(_now())
        if events:
            on_event(events)


def _note_answer(pong: asyncio.Future[float], liveness: Liveness) -> None:
    if not pong.cancelled() and pong.exception() is None:
        liveness.answer()


def _now() -> float:
    return asyncio.get_running_loop().time()
