"""One long-lived session with the WebSocket API. Reconnects and observes cooldowns."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection

from pipeline.health import SourceHealth
from pipeline.net.reconnect import FIRST_RECONNECT_WAIT, reconnecting
from pipeline.net.websocket import open_websocket, translated_errors
from pipeline.ports import Cooldown
from pipeline.sources.binance.api_errors import response_error
from pipeline.sources.binance.messages import ApiResponse, is_shutdown, parse_response
from pipeline.sources.binance.pending_requests import PendingRequests
from pipeline.sources.binance.refusal_cooldown import RefusalCooldown
from pipeline.sources.binance.settings import BinanceSettings
from pipeline.sources.binance.weight import record_weight
from pipeline.validation import Rejection
from rates.clock import Clock
from rates.errors import SourceError, SourceProtocolError, SourceUnavailable
from rates.source import Source
from runtime.backoff import Backoff
from runtime.restart import keep_running

# Share of the request timeout. Waiting for a connection takes part of it, and a task's deadline may come first.
SILENT_SHARE = 0.7
# The server only responds, so that only pings find a dead connection before a task does. They cost no weight.
PING_INTERVAL = timedelta(seconds=20)

Params = Mapping[str, str | Sequence[str]]


class BinanceSession:
    """Sends requests over a connection that `open_session` keeps open.

    Requests may run concurrently.
    """

    def __init__(
        self,
        settings: BinanceSettings,
        health: SourceHealth,
        cooldown: Cooldown,
        *,
        simulated: bool,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._health = health
        self._simulated = simulated
        self._clock = clock
        self._connection: ClientConnection | None = None
        self._connected = asyncio.Event()
        self._pending = PendingRequests()
        self._failure: SourceError = SourceUnavailable(Source.BINANCE, "not connected yet")
        self._cooldown = RefusalCooldown(cooldown, clock)
        self._log = structlog.get_logger("ratewire.binance").bind(role=health.role)

    async def request(self, method: str, params: Params) -> ApiResponse:
        """Send a request and wait for its response: a success, or a rejected symbol of the request.

        Raises:
            SourceUnavailable: not connected, the connection was lost, or no response in time.
            SourceRateLimited, SourceBlocked: rejected, or not sent because a cooldown of any replica is active.
            SourceProtocolError: the request is invalid.
        """
        await self._cooldown.check()
        self._drop_if_silent()
        try:
            async with asyncio.timeout(self._settings.request_timeout_s):
                await self._connected.wait()
                response = await self._send(method, params)
        except TimeoutError as exc:
            if self._connection is None:
                raise self._failure from exc
            self._drop_if_silent()
            raise SourceUnavailable(
                Source.BINANCE, f"no response to {method} within {self._settings.request_timeout_s:g} s"
            ) from exc
        await self._check_error(response)
        return response

    async def run(self) -> None:
        """Keep the session connected until cancelled."""
        answers = reconnecting(
            self._connect,
            self._health,
            backoff=Backoff(FIRST_RECONNECT_WAIT, timedelta(seconds=self._settings.longest_wait_s)),
            clock=self._clock,
        )
        async for answer in answers:
            if not self._pending.resolve(answer):
                self._log.debug("response without a request", id=answer.id, error=answer.error)
            if answer.rate_limits:
                record_weight(answer.rate_limits, self._health, self._clock())

    async def _connect(self) -> AsyncGenerator[ApiResponse, None]:
        try:
            await self._cooldown.wait()
            async with self._open() as connection:
                self._connection = connection
                self._connected.set()
                while True:
                    # Undecoded: bytes that are no UTF-8 cost their message, not the connection.
                    answer = self._read(await connection.recv(decode=False))
                    if answer is None:
                        continue
                    if is_shutdown(answer):
                        raise SourceUnavailable(Source.BINANCE, "the server announced its shutdown")
                    yield answer
        except SourceError as exc:
            self._failure = exc
            await self._cooldown.record(exc)
            raise
        finally:
            self._connection = None
            self._connected.clear()
            self._pending.fail_all(self._failure)

    def _read(self, frame: str | bytes) -> ApiResponse | None:
        try:
            return parse_response(frame)
        except SourceProtocolError as exc:
            # The request cannot be identified, and ends with its timeout.
            self._health.record_rejection(Rejection.UNREADABLE, str(exc))
            return None

    def _open(self) -> AbstractAsyncContextManager[ClientConnection]:
        return open_websocket(
            Source.BINANCE,
            self._settings.ws_api_url,
            open_timeout=timedelta(seconds=self._settings.connect_timeout_s),
            simulated=self._simulated,
            clock=self._clock,
            ping_interval=PING_INTERVAL,
        )

    async def _send(self, method: str, params: Params) -> ApiResponse:
        with self._pending.register(asyncio.get_running_loop().time()) as (number, response):
            if self._connection is None:
                raise self._failure
            request = msgspec.json.encode({"id": number, "method": method, "params": params}).decode()
            with translated_errors(Source.BINANCE, self._clock):
                await self._connection.send(request)
            return await response

    async def _check_error(self, response: ApiResponse) -> None:
        if response.error is None and response.status == 200:
            return
        error = response_error(response, self._clock())
        if error is not None:
            await self._cooldown.record(error)
            raise error

    def _drop_if_silent(self) -> None:
        """Close a half-open connection. The reader meets its end and opens another."""
        silence = self._pending.silence_s(asyncio.get_running_loop().time())
        if self._connection is not None and silence >= SILENT_SHARE * self._settings.request_timeout_s:
            self._log.warning("half-open connection: no response at all", seconds=round(silence, 1))
            self._connection.transport.abort()
            self._connection = None
            self._connected.clear()


@asynccontextmanager
async def open_session(
    settings: BinanceSettings, health: SourceHealth, cooldown: Cooldown, *, simulated: bool, clock: Clock
) -> AsyncIterator[BinanceSession]:
    """Keep a session connected while the context is open. It may not be connected yet on entry."""
    session = BinanceSession(settings, health, cooldown, simulated=simulated, clock=clock)
    async with asyncio.TaskGroup() as group:
        running = keep_running(session.run, name="binance session", on_error=health.record_unexpected)
        keeper = group.create_task(running, name="binance session")
        try:
            yield session
        finally:
            keeper.cancel()
