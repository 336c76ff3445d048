"""One client connection of a push feed: joins the socket and the protocol session."""

import asyncio

from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame as SocketFrame

from simulator.client_limit_monitor import ClientLimitMonitor
from simulator.client_socket import ClientSocket
from simulator.feed_session import FeedSession, Reply
from simulator.markets import Frame, Venue
from simulator.simulation_loop import SimulationLoop


class FeedConnection:
    """A client connection of Coinbase, Kraken, OKX or Bybit."""

    def __init__(
        self,
        socket: ClientSocket,
        session: FeedSession,
        venue: Venue | None,
        simulation: SimulationLoop,
        monitor: ClientLimitMonitor,
    ) -> None:
        self._socket = socket
        self._session = session
        self._venue = venue
        self._simulation = simulation
        self._monitor = monitor
        self._send_queue = socket.send_queue
        self._subscribed: set[str] = set()
        self._sent_ns = self._received_ns = simulation.clock()

    async def serve(self) -> None:
        """Serve the client until either side closes."""
        self._socket.on_frame = self._on_frame
        self._simulation.connections.add(self)
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._send_queue.send_all())
                for text in self._session.on_open():
                    self._send(text)
                await self._receive()
                sending.cancel()
        finally:
            self._simulation.connections.discard(self)
            self._unsubscribe(list(self._subscribed))

    async def deliver(self, frame: Frame) -> None:
        """Enqueue a frame of a subscribed stream."""
        self._sent_ns = self._simulation.clock()
        await self._send_queue.enqueue(frame.data, waits=self._simulation.world.waits_for_clients)

    def on_timer(self, now_ns: int) -> None:
        """Send a heartbeat or close an idle connection, when due."""
        self._follow(
            self._session.on_timer(now_ns, last_sent_ns=self._sent_ns, last_received_ns=self._received_ns)
        )

    async def _receive(self) -> None:
        try:
            async for message in self._socket:
                self._monitor.control_messages += 1
                if self._socket.is_ignored(message):
                    continue
                await self._simulation.catch_up()
                text = message if isinstance(message, str) else message.decode("utf-8", "replace")
                self._follow(self._session.receive(text, self._simulation.clock()))
        except ConnectionClosed:
            return

    def _follow(self, reply: Reply) -> None:
        """Send answers first, then the initial frames of new streams.

        No other frame can come in between.
        """
        if reply.violation is not None:
            self._monitor.record_violation(reply.violation, self._simulation.clock())
        if self._socket.answers_pings or not reply.is_pong:
            for text in reply.answers:
                self._send(text)
        self._unsubscribe(reply.unsubscribed)
        for stream in reply.subscribed:
            self._subscribe(stream, with_snapshot=stream not in reply.without_snapshot)
        if reply.close is not None:
            self._send_queue.close_when_drained(reply.close)

    def _send(self, text: str) -> None:
        self._sent_ns = self._simulation.clock()
        self._send_queue.try_enqueue(text)

    def _on_frame(self, _frame: SocketFrame) -> None:
        self._received_ns = self._simulation.clock()

    def _subscribe(self, stream: str, *, with_snapshot: bool) -> None:
        self._simulation.subscribe(self, stream)
        if stream not in self._subscribed:
            self._subscribed.add(stream)
            self._monitor.subscriptions += 1
        self._simulation.start_replay()
        initial = self._venue.initial_frame(stream) if self._venue is not None and with_snapshot else None
        if initial is not None:
            self._send(initial.data)

    def _unsubscribe(self, streams: list[str]) -> None:
        for stream in streams:
            self._simulation.unsubscribe(self, stream)
            if stream in self._subscribed:
                self._subscribed.discard(stream)
                self._monitor.subscriptions -= 1
