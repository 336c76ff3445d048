"""One WebSocket API connection: requests answered in order, each weighed first.

Source: exchanges.md 1.6.
"""

import asyncio
from typing import Protocol

from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame as SocketFrame
from websockets.frames import Opcode

from simulator.binance import envelope, requests
from simulator.binance.errors import BinanceError
from simulator.binance.limits import RequestWeightLimit
from simulator.binance.stream_connection import keepalive_of
from simulator.client_limit_monitor import ClientLimitMonitor
from simulator.client_socket import ClientSocket
from simulator.nanotime import MS, to_ms
from simulator.ping_schedule import CloseReason, PingFrame
from simulator.send_queue import CloseFrame
from simulator.settings import SimulatorSettings
from simulator.simulation_loop import SimulationLoop

PATH = "/ws-api/v3"
CONNECTION_WEIGHT = 2
ENDPOINT = "ws-api"
BANNED = CloseFrame(1008, "IP banned")


class RequestInterceptor(Protocol):
    """Hook for faults in requests and answers."""

    def refuse(self, now_ns: int) -> None:
        """Refuse a request, if a fault is active.

        Raises:
            BinanceError: the request is refused.
        """

    async def alter(self, answer: str) -> str:
        """Return the text to send instead of an answer, possibly after a delay."""


class ApiConnection:
    """A client connection of the WebSocket API."""

    def __init__(
        self,
        socket: ClientSocket,
        address: str,
        simulation: SimulationLoop,
        monitor: ClientLimitMonitor,
        weights: RequestWeightLimit,
        *,
        interceptor: RequestInterceptor,
        settings: SimulatorSettings,
        shows_limits: bool,
    ) -> None:
        self._socket = socket
        self._address = address
        self._simulation = simulation
        self._monitor = monitor
        self._weights = weights
        self._shows_limits = shows_limits
        self._interceptor = interceptor
        self._send_queue = socket.send_queue
        self._keepalive = keepalive_of(settings, simulation.clock())

    async def serve(self) -> None:
        """Answer requests until either side closes."""
        self._socket.on_frame = self._on_frame
        self._simulation.connections.add(self)
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._send_queue.send_all())
                await self._receive()
                sending.cancel()
        finally:
            self._simulation.connections.discard(self)

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
                await self._answer(message)
        except ConnectionClosed:
            return

    def _on_frame(self, frame: SocketFrame) -> None:
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
            result = await self._execute(request)
        except BinanceError as error:
            limits = self._limits(shows_limits)
            if error.retry_at_ms is not None:
                self._monitor.record_refusal(ENDPOINT, self._simulation.clock(), error.retry_at_ms * MS)
            await self._send_queue.enqueue(
                envelope.format_error(request_id, error, limits, to_ms(self._simulation.clock())), waits=True
            )
            if error.status == 418:
                self._send_queue.close_when_drained(BANNED)
            return
        answer = envelope.format_result(request_id, result, self._limits(shows_limits))
        await self._send_queue.enqueue(await self._interceptor.alter(answer), waits=True)

    async def _execute(self, request: envelope.Request) -> object:
        now_ns = self._simulation.clock()
        self._monitor.record_call(ENDPOINT, now_ns)
        self._interceptor.refuse(now_ns)
        self._weights.spend(self._address, requests.weight(request.method, request.params), now_ns)
        if requests.asks_for_prices(request.method):
            self._simulation.start_replay()
        await self._simulation.catch_up()
        market = self._simulation.world.binance
        return requests.answer(request.method, request.params, market, self._weights.limit, to_ms(now_ns))

    def _limits(self, asked: bool | None) -> object:
        if not (self._shows_limits if asked is None else asked):
            return None
        used = self._weights.used(self._address, self._simulation.clock())
        return envelope.rate_limits(self._weights.limit, used)
