"""One session of the WebSocket API: requests answered in order, each weighed first [exchanges.md 1.6]."""

import asyncio
from typing import Protocol

from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame as SocketFrame
from websockets.frames import Opcode

from simulator.binance import envelope, requests
from simulator.binance.errors import BinanceError
from simulator.binance.limits import RequestWeight
from simulator.binance.streams import keepalive_of
from simulator.conduct import Conduct
from simulator.connection import ClientSocket, Close
from simulator.keepalive import Cut
from simulator.moments import MS, to_ms
from simulator.player import Player
from simulator.settings import SimulatorSettings

PATH = "/ws-api/v3"
CONNECTION_WEIGHT = 2
DOOR = "ws-api"
BANNED = Close(1008, "IP banned")


class Disturbance(Protocol):
    """What can go wrong with requests and answers."""

    def refuse(self, now_ns: int) -> None:
        """Refuse a request.

        Raises:
            BinanceError: it is refused.
        """

    async def disturbed(self, answer: str) -> str:
        """What is sent in place of an answer, after a while perhaps."""


class ApiSession:
    """A client of the WebSocket API."""

    def __init__(
        self,
        socket: ClientSocket,
        address: str,
        player: Player,
        conduct: Conduct,
        weights: RequestWeight,
        *,
        disturbance: Disturbance,
        settings: SimulatorSettings,
        shows_limits: bool,
    ) -> None:
        self._socket = socket
        self._address = address
        self._player = player
        self._conduct = conduct
        self._weights = weights
        self._shows_limits = shows_limits
        self._disturbance = disturbance
        self._outbox = socket.outbox
        self._keepalive = keepalive_of(settings, player.clock())

    async def serve(self) -> None:
        """Answer until either side closes."""
        self._socket.on_frame = self._see
        self._player.connections.add(self)
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._outbox.send_all())
                await self._receive()
                sending.cancel()
        finally:
            self._player.connections.discard(self)

    def attend(self, now_ns: int) -> None:
        """Ping or cut, if it is time."""
        match self._keepalive.decide(now_ns):
            case Cut(value=(code, reason)):
                self._outbox.close(Close(code, reason))
            case None:
                pass
            case ping:
                self._outbox.offer(ping)

    async def _receive(self) -> None:
        try:
            async for message in self._socket:
                await self._answer(message)
        except ConnectionClosed:
            return

    def _see(self, frame: SocketFrame) -> None:
        if frame.opcode is Opcode.PONG:
            self._keepalive.pong(bytes(frame.data))

    async def _answer(self, message: str | bytes) -> None:
        request_id: envelope.RequestId = None
        shows_limits: bool | None = None
        try:
            found = envelope.parse_object(message)
            request_id = envelope.parse_id(found)
            request = envelope.parse_request(found, request_id)
            shows_limits = request.shows_limits
            result = await self._carry_out(request)
        except BinanceError as error:
            limits = self._limits(shows_limits)
            if error.retry_at_ms is not None:
                self._conduct.refuse(DOOR, self._player.clock(), error.retry_at_ms * MS)
            await self._outbox.put(
                envelope.format_error(request_id, error, limits, to_ms(self._player.clock()))
            )
            if error.status == 418:
                self._outbox.close_after_all(BANNED)
            return
        answer = envelope.format_result(request_id, result, self._limits(shows_limits))
        await self._outbox.put(await self._disturbance.disturbed(answer))

    async def _carry_out(self, request: envelope.Request) -> object:
        now_ns = self._player.clock()
        self._conduct.call(DOOR, now_ns)
        self._disturbance.refuse(now_ns)
        self._weights.spend(self._address, requests.weight(request.method, request.params), now_ns)
        if requests.asks_for_prices(request.method):
            self._player.begin()
        await self._player.catch_up()
        market = self._player.world.binance
        return requests.answer(request.method, request.params, market, self._weights.limit, to_ms(now_ns))

    def _limits(self, asked: bool | None) -> object:
        if not (self._shows_limits if asked is None else asked):
            return None
        used = self._weights.used(self._address, self._player.clock())
        return envelope.rate_limits(self._weights.limit, used)
