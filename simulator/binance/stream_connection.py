"""One client connection of the market streams, with its limits [exchanges.md 1.2 to 1.5]."""

import asyncio
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame as SocketFrame
from websockets.frames import Opcode

from simulator.binance.limits import MessageRateLimit
from simulator.binance.stream_subscriptions import StreamSubscriptions
from simulator.client_limit_monitor import ClientLimitMonitor
from simulator.client_socket import ClientSocket
from simulator.markets import Frame
from simulator.ping_schedule import CloseReason, PingFrame, PingSchedule
from simulator.send_queue import CloseFrame
from simulator.settings import SimulatorSettings
from simulator.simulation_loop import SimulationLoop

MAX_MESSAGE_BYTES = 4_088  # the real service ignores longer messages without an answer (observed by users)
TOO_MANY_MESSAGES = CloseFrame(1008, "Too many requests")  # seen: binance-connector-go issue 90


def parse_target(target: str) -> tuple[bool, list[str]] | None:
    """Parse a request target into (combined, stream names); None if it is no market stream URL."""
    url = urlsplit(target)
    if url.path.rstrip("/") == "/stream":
        names = "/".join(parse_qs(url.query).get("streams", []))
        return True, [name for name in names.split("/") if name]
    if url.path == "/ws" or url.path.startswith("/ws/"):
        return False, [name for name in unquote(url.path).split("/")[2:] if name]
    return None


def keepalive_of(settings: SimulatorSettings, now_ns: int) -> PingSchedule:
    """Create the ping schedule of a new connection to either endpoint."""
    return PingSchedule(
        now_ns,
        ping_seconds=settings.binance_ping_seconds,
        pong_seconds=settings.binance_pong_timeout_seconds,
        life_seconds=settings.binance_connection_lifetime_seconds,
    )


class StreamConnection:
    """A client connection of the market streams."""

    def __init__(
        self,
        socket: ClientSocket,
        subscriptions: StreamSubscriptions,
        simulation: SimulationLoop,
        monitor: ClientLimitMonitor,
        settings: SimulatorSettings,
    ) -> None:
        self._socket = socket
        self._subscriptions = subscriptions
        self._simulation = simulation
        self._monitor = monitor
        self._send_queue = socket.send_queue
        self._rate = MessageRateLimit(settings.binance_messages_per_second)
        self._keepalive = keepalive_of(settings, simulation.clock())
        self._subscribed: set[str] = set()

    async def serve(self) -> None:
        """Serve the client until either side closes."""
        self._socket.on_frame = self._on_frame
        self._simulation.connections.add(self)
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._send_queue.send_all())
                self._follow_subscriptions()
                await self._receive()
                sending.cancel()
        finally:
            self._simulation.connections.discard(self)
            for stream in self._subscribed:
                self._simulation.unsubscribe(self, stream)
            self._monitor.subscriptions -= len(self._subscribed)

    async def deliver(self, frame: Frame) -> None:
        """Enqueue a frame, wrapped or raw as the connection's `combined` property says."""
        text = frame.combined if self._subscriptions.combined else frame.data
        await self._send_queue.enqueue(text, waits=self._simulation.world.waits_for_clients)

    def on_timer(self, now_ns: int) -> None:
        """Send a ping or close, when due."""
        match self._keepalive.decide(now_ns):
            case CloseReason(value=(code, reason)):
                self._send_queue.close(CloseFrame(code, reason))
            case None:
                pass
            case PingFrame() as ping:
                self._send_queue.try_enqueue(ping)

    async def _receive(self) -> None:
        try:
            async for message in self._socket:
                if self._socket.is_ignored(message) or self._is_too_long(message):
                    continue
                # The answer is enqueued before any frame of a newly subscribed stream.
                self._monitor.control_messages += 1
                answer = self._subscriptions.control(message)
                await self._send_queue.enqueue(answer, waits=True)
                self._follow_subscriptions()
        except ConnectionClosed:
            return

    def _on_frame(self, frame: SocketFrame) -> None:
        now_ns = self._simulation.clock()
        if not self._rate.allows(now_ns):
            self._monitor.record_violation("messages_per_second", now_ns)
            self._send_queue.close(TOO_MANY_MESSAGES)
        if frame.opcode is Opcode.PONG:
            self._keepalive.pong(bytes(frame.data))

    def _is_too_long(self, message: str | bytes) -> bool:
        size = len(message.encode() if isinstance(message, str) else message)
        if size <= MAX_MESSAGE_BYTES:
            return False
        self._monitor.record_violation("message_size", self._simulation.clock(), f"{size} bytes")
        return True

    def _follow_subscriptions(self) -> None:
        now = set(self._subscriptions.streams)
        for stream in self._subscribed - now:
            self._simulation.unsubscribe(self, stream)
        for stream in self._subscriptions.streams:
            if stream not in self._subscribed:
                self._simulation.subscribe(self, stream)
        self._monitor.subscriptions += len(now) - len(self._subscribed)
        self._subscribed = now
        if now:
            self._simulation.start_replay()
