"""One client of a push feed: its socket, and what the exchange's session makes of it."""

import asyncio

from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame as SocketFrame

from simulator.conduct import Conduct
from simulator.connection import ClientSocket
from simulator.markets import Frame, Venue
from simulator.player import Player
from simulator.session import FeedSession, Reply


class FeedConnection:
    """A client of Coinbase, Kraken, OKX or Bybit."""

    def __init__(
        self,
        socket: ClientSocket,
        session: FeedSession,
        venue: Venue | None,
        player: Player,
        conduct: Conduct,
    ) -> None:
        self._socket = socket
        self._session = session
        self._venue = venue
        self._player = player
        self._conduct = conduct
        self._outbox = socket.outbox
        self._subscribed: set[str] = set()
        self._sent_ns = self._received_ns = player.clock()

    async def serve(self) -> None:
        """Talk to the client until either side closes."""
        self._socket.on_frame = self._see
        self._player.connections.add(self)
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._outbox.send_all())
                for text in self._session.greet():
                    self._say(text)
                await self._receive()
                sending.cancel()
        finally:
            self._player.connections.discard(self)
            self._unsubscribe(list(self._subscribed))

    async def deliver(self, frame: Frame) -> None:
        """Queue a frame of a subscribed stream."""
        self._sent_ns = self._player.clock()
        await self._outbox.put(frame.data)

    def attend(self, now_ns: int) -> None:
        """A heartbeat, or the end of an idle connection."""
        self._follow(
            self._session.attend(now_ns, last_sent_ns=self._sent_ns, last_received_ns=self._received_ns)
        )

    async def _receive(self) -> None:
        try:
            async for message in self._socket:
                self._conduct.control_messages += 1
                await self._player.catch_up()
                text = message if isinstance(message, str) else message.decode("utf-8", "replace")
                self._follow(self._session.receive(text, self._player.clock()))
        except ConnectionClosed:
            return

    def _follow(self, reply: Reply) -> None:
        """Answers first, then what the new streams say first: nothing else can come in between."""
        if reply.violation is not None:
            self._conduct.violate(reply.violation, self._player.clock())
        if self._socket.answers_pings or not reply.is_pong:
            for text in reply.answers:
                self._say(text)
        self._unsubscribe(reply.unsubscribed)
        for stream in reply.subscribed:
            self._subscribe(stream, with_first=stream not in reply.without_first)
        if reply.close is not None:
            self._outbox.close_after_all(reply.close)

    def _say(self, text: str) -> None:
        self._sent_ns = self._player.clock()
        self._outbox.offer(text)

    def _see(self, _frame: SocketFrame) -> None:
        self._received_ns = self._player.clock()

    def _subscribe(self, stream: str, *, with_first: bool) -> None:
        self._player.subscribe(self, stream)
        if stream not in self._subscribed:
            self._subscribed.add(stream)
            self._conduct.subscriptions += 1
        self._player.begin()
        first = self._venue.first(stream) if self._venue is not None and with_first else None
        if first is not None:
            self._say(first.data)

    def _unsubscribe(self, streams: list[str]) -> None:
        for stream in streams:
            self._player.unsubscribe(self, stream)
            if stream in self._subscribed:
                self._subscribed.discard(stream)
                self._conduct.subscriptions -= 1
