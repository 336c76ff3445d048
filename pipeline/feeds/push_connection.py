"""One connection of a push feed: opened, read, and closed when it is dead.

It never reconnects.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple, NoReturn

from instruments.instrument import Instrument
from pipeline.feeds.backlog import BacklogDetector, DroppedBacklog
from pipeline.feeds.interval_stats import IntervalStats
from pipeline.feeds.liveness import Liveness, LivenessAction
from pipeline.feeds.protocol import (
    FeedEvent,
    FeedProtocol,
    FeedSpec,
    SymbolActivity,
    TradeChannels,
    TradeCollector,
)
from pipeline.feeds.read_progress import ReadProgress
from pipeline.health import SourceHealth
from pipeline.net.message_connection import MessageConnection
from pipeline.net.websocket import count_unread_bytes, open_websocket
from pipeline.validation import Rejection
from rates.clock import Clock
from rates.errors import SourceProtocolError, SourceUnavailable
from rates.symbol import Symbol
from rates.ticker import Ticker

# How often to check for a message to send. Finer than the rate of control messages of any source.
POLL_INTERVAL_S = 0.1
# A control message is short. A socket that does not accept it is stuck.
SEND_TIMEOUT_S = 5
# What parsing raises over one message: bytes that are no UTF-8 and numbers out of range (`ValueError`), a value of another type,
# arithmetic on what is no number, nesting deeper than the decoder takes.
UNREADABLE_ERRORS = (SourceProtocolError, ValueError, TypeError, ArithmeticError, RecursionError)
SHOWN_BYTES = 160
# Messages that wait for `deliver` at most, whether anybody calls it or not.
MAX_WAITING = 1_000

OnEvents = Callable[[Sequence[FeedEvent]], None]


class _Arrival(NamedTuple):
    """Messages that were taken from the socket together."""

    received_at: datetime
    messages: Sequence[bytes]


class PushConnection:
    """`number` is higher than that of every connection before it.

    `with_trades`: every trade is delivered, if the protocol has `TradeChannels`. `on_waiting` is called when messages have
    arrived that wait for `deliver`; without it, none wait. To read those of a tenth of a second at once costs half of reading them in
    ten parts.
    """

    def __init__(
        self,
        number: int,
        spec: FeedSpec,
        url: str,
        health: SourceHealth,
        stats: IntervalStats,
        *,
        simulated: bool,
        clock: Clock,
        with_trades: bool = False,
        on_waiting: Callable[[], None] | None = None,
    ) -> None:
        self.number, self.url = number, url
        self._spec, self._health, self._stats = spec, health, stats
        self._simulated, self._clock = simulated, clock
        self._protocol: FeedProtocol = spec.open_protocol()
        if with_trades and isinstance(self._protocol, TradeChannels):
            self._protocol.deliver_trades()
        self._collector = self._protocol if isinstance(self._protocol, TradeCollector) else None
        self._collect = _collect_nothing if self._collector is None else self._collector.collect
        self._on_waiting = on_waiting
        self._waiting, self._waiting_count = list[_Arrival](), 0
        self._failure: Exception | None = None
        self._liveness: Liveness | None = None
        self._on_events: OnEvents = _ignore
        self.opened_at: float | None = None
        self.dropped_backlog: DroppedBacklog | None = None
        self._backlog = BacklogDetector(timedelta(seconds=spec.source.ttl_s))
        self._unreadable: SourceProtocolError | None = None
        self._progress = ReadProgress()

    def track(self, instruments: Sequence[Instrument]) -> None:
        """Set the instruments to subscribe."""
        self._protocol.track(instruments)

    def resubscribe(self, symbols: Iterable[Symbol]) -> None:
        """Subscribe these symbols again."""
        self._protocol.resubscribe(symbols)

    def silent_channels(self) -> Mapping[Symbol, str]:
        """Return symbols with a dead channel, and which one it is."""
        return self._protocol.silent_channels()

    @property
    def read_until(self) -> datetime | None:
        """The time until which everything that arrived was read. `None` before the first message."""
        return self._progress.until

    def traded_symbols(self) -> frozenset[Symbol]:
        """Return the symbols of which every trade is delivered."""
        protocol = self._protocol
        return protocol.traded_symbols() if isinstance(protocol, TradeChannels) else frozenset()

    async def run(self, on_events: OnEvents) -> NoReturn:
        """Open the connection and pass its events to `on_events`, until it fails or is cancelled.

        Raises:
            SourceError: the connection could not be opened, was lost, or is dead.
        """
        spec, self._on_events = self._spec, on_events
        async with open_websocket(
            spec.source,
            self.url,
            open_timeout=spec.connect_timeout,
            simulated=self._simulated,
            clock=self._clock,
            ping_interval=spec.ping_interval,
        ) as connection:
            self.opened_at = _now()
            idle_timeout_s = spec.idle_timeout.total_seconds()
            liveness = Liveness(self._stats, idle_timeout_s=idle_timeout_s, now=self.opened_at)
            self._liveness = liveness
            while True:
                self._raise_failure()
                await self._check(connection, liveness)
                self._check_backlog(connection)
                await self._send_due(connection)
                # One timeout per poll and not per message, because there are thousands of messages a second.
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_INTERVAL_S):
                        await connection.read_all(self._on_messages)

    async def _send_due(self, connection: MessageConnection) -> None:
        message = self._protocol.next_message(_now())
        if message is not None:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await connection.send(message)

    async def _check(self, connection: MessageConnection, liveness: Liveness) -> None:
        """Raise if the connection is dead, and send a ping if one is due."""
        silence_s, source = liveness.silence_s(_now()), self._spec.source
        if self._unreadable is not None and silence_s >= self._spec.idle_timeout.total_seconds():
            # The connection is alive, as a ping would show, but sends nothing that can be read.
            raise SourceProtocolError(
                source, f"nothing readable for {silence_s:.1f} s, the last: {self._unreadable}"
            )
        action = liveness.next_action(_now())
        if action is LivenessAction.PROBE:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                pong = asyncio.ensure_future(await connection.ping())
            pong.add_done_callback(lambda answered: self._on_pong(answered, liveness))
        elif action is LivenessAction.GIVE_UP:
            # The peer is gone, so that a close handshake would only time out.
            connection.transport.abort()
            raise SourceUnavailable(source, f"silent for {silence_s:.1f} s on an open connection")

    def _check_backlog(self, connection: MessageConnection) -> None:
        """Raise if this process reads slower than the source sends.

        A new connection begins at the present. Skipping messages would lose deltas and answers, and a close handshake would have
        to read all that waits.
        """
        unread_bytes = count_unread_bytes(connection)
        behind = self._backlog.check(_now(), unread_bytes)
        self._progress.check(unread_bytes, self._backlog.behind, self._backlog.sent_until)
        if behind is not None:
            connection.transport.abort()
            self.dropped_backlog = DroppedBacklog(behind, unread_bytes)
            raise SourceUnavailable(
                self._spec.source, f"{behind.total_seconds():.0f} s behind, backlog dropped"
            )

    def deliver(self) -> None:
        """Read the messages that wait, and deliver their events.

        An error that ends the connection is raised by `run`.
        """
        waiting, self._waiting, self._waiting_count = self._waiting, [], 0
        if not waiting or self._failure is not None:
            return
        try:
            self._read(waiting)
        except Exception as exc:  # noqa: BLE001  # raised again by the task of the connection
            self._failure = exc

    def _on_messages(self, messages: Sequence[bytes]) -> None:
        """Take messages that arrived together. They wait for `deliver`, if somebody calls it."""
        self._waiting.append(_Arrival(self._clock(), messages))
        self._waiting_count += len(messages)
        if self._on_waiting is None or self._waiting_count >= MAX_WAITING:
            self.deliver()
            self._raise_failure()
        else:
            self._on_waiting()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _read(self, arrivals: Sequence[_Arrival]) -> None:
        """Read messages in their order, and deliver their events."""
        receive, collect = self._protocol.receive, self._collect
        events, readable, received_at = list[FeedEvent](), 0, arrivals[-1].received_at
        try:
            for received_at, messages in arrivals:
                self._progress.on_message(received_at)
                for data in messages:
                    try:
                        if not collect(data, received_at):
                            events += receive(data, received_at)
                    except UNREADABLE_ERRORS as exc:
                        # One unreadable message is no reason to miss the others. Without readable ones, the idle timeout ends it.
                        self._unreadable = self._unreadable_error(exc, data)
                        self._health.record_rejection(Rejection.UNREADABLE, str(self._unreadable))
                    else:
                        self._unreadable = None
                        readable += 1
        finally:
            # Those before a message that ends the connection, too.
            if self._collector is not None:
                events += self._collector.take_collected()
            if readable and self._liveness is not None:
                self._liveness.on_message(_now(), readable)
            if events:
                self._deliver(events, received_at)

    def _deliver(self, events: Sequence[FeedEvent], received_at: datetime) -> None:
        liveness = self._liveness
        if liveness is not None and not liveness.has_data and _has_data(events):
            liveness.on_data()
        self._backlog.on_events(events, received_at)
        self._on_events(events)

    def _on_pong(self, pong: asyncio.Future[float], liveness: Liveness) -> None:
        if not pong.cancelled() and pong.exception() is None:
            # It was sent after everything that came before it.
            self.deliver()
            self._progress.on_message(self._clock())
            liveness.on_pong()

    def _unreadable_error(self, exc: Exception, data: bytes) -> SourceProtocolError:
        if isinstance(exc, SourceProtocolError):
            return exc
        said = f"expected a message, saw {data[:SHOWN_BYTES]!r}: {type(exc).__name__}: {exc}"
        return SourceProtocolError(self._spec.source, said)


def _has_data(events: Sequence[FeedEvent]) -> bool:
    return any(isinstance(event, Ticker | SymbolActivity) for event in events)


def _collect_nothing(_frame: bytes, _received_at: datetime) -> bool:
    return False


def _ignore(_events: Sequence[FeedEvent]) -> None:
    """Do nothing, as long as nobody reads."""


def _now() -> float:
    return asyncio.get_running_loop().time()
