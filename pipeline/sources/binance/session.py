"""One long-lived session with the WebSocket API: reconnected for ever, refusals obeyed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection

from pipeline.health import SourceHealth
from pipeline.net.reconnect import reconnecting
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

FIRST_WAIT = timedelta(milliseconds=250)
# Of the request timeout: part of that is spent on waiting for a connection, and a task's deadline may come before it.
SILENT_SHARE = 0.7
# It is silent unless asked: only pings find a dead connection before a task does. They cost no weight.
PING_INTERVAL = timedelta(seconds=20)

Params = Mapping[str, str | Sequence[str]]


class BinanceSession:
    """Asks; `open_session` keeps it connected. Any number of requests may be under way at once."""

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
        self._questions = PendingRequests()
        self._failure: SourceError = SourceUnavailable(Source.BINANCE, "not connected yet")
        self._standoff = RefusalCooldown(cooldown, clock)
        self._log = structlog.get_logger("ratewire.binance").bind(role=health.role)

    async def request(self, method: str, params: Params) -> ApiResponse:
        """Ask and wait for the answer: a success, or a refusal of a symbol in the question.

        Raises:
            SourceUnavailable: not connected, the connection was lost meanwhile, or no answer in time.
            SourceRateLimited, SourceBlocked: refused, or not asked because an earlier refusal still holds, of whichever
                replica.
            SourceProtocolError: refused for what was asked.
        """
        await self._standoff.check()
        self._drop_if_silent()
        try:
            async with asyncio.timeout(self._settings.request_timeout_s):
                await self._connected.wait()
                answer = await self._ask(method, params)
        except TimeoutError as exc:
            if self._connection is None:
                raise self._failure from exc
            self._drop_if_silent()
            raise SourceUnavailable(
                Source.BINANCE, f"no answer to {method} within {self._settings.request_timeout_s:g} s"
            ) from exc
        await self._obey(answer)
        return answer

    async def run(self) -> None:
        """Keep the session connected until cancelled."""
        answers = reconnecting(
            self._connect,
            self._health,
            backoff=Backoff(FIRST_WAIT, timedelta(seconds=self._settings.longest_wait_s)),
            clock=self._clock,
        )
        async for answer in answers:
            if not self._questions.settle(answer):
                self._log.debug("answer to nobody: late, or never asked", id=answer.id, error=answer.error)
            if answer.rate_limits:
                record_weight(answer.rate_limits, self._health, self._clock())

    async def _connect(self) -> AsyncGenerator[ApiResponse, None]:
        try:
            await self._standoff.end()
            async with self._open() as connection:
                self._connection = connection
                self._connected.set()
                async for frame in connection:
                    answer = self._read(frame)
                    if answer is None:
                        continue
                    if is_shutdown(answer):
                        raise SourceUnavailable(Source.BINANCE, "the server announced its shutdown")
                    yield answer
            self._failure = SourceUnavailable(Source.BINANCE, "the connection ended")
        except SourceError as exc:
            self._failure = exc
            await self._standoff.note(exc)
            raise
        finally:
            self._connection = None
            self._connected.clear()
            self._questions.abandon(self._failure)

    def _read(self, frame: str | bytes) -> ApiResponse | None:
        try:
            return parse_response(frame)
        except SourceProtocolError as exc:
            # Whose answer it was cannot be told: who waits for it runs into the timeout.
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

    async def _ask(self, method: str, params: Params) -> ApiResponse:
        with self._questions.ask(asyncio.get_running_loop().time()) as (number, answer):
            if self._connection is None:
                raise self._failure
            question = msgspec.json.encode({"id": number, "method": method, "params": params}).decode()
            with translated_errors(Source.BINANCE, self._clock):
                await self._connection.send(question)
            return await answer

    async def _obey(self, answer: ApiResponse) -> None:
        if answer.error is None and answer.status == 200:
            return
        error = response_error(answer, self._clock())
        if error is not None:
            await self._standoff.note(error)
            raise error

    def _drop_if_silent(self) -> None:
        """Close a connection that is only half open; the reader meets its end and opens another."""
        silence = self._questions.silent_for(asyncio.get_running_loop().time())
        if self._connection is not None and silence >= SILENT_SHARE * self._settings.request_timeout_s:
            self._log.warning("half-open connection: no answer at all", seconds=round(silence, 1))
            self._connection.transport.abort()
            self._connection = None
            self._connected.clear()


@asynccontextmanager
async def open_session(
    settings: BinanceSettings, health: SourceHealth, cooldown: Cooldown, *, simulated: bool, clock: Clock
) -> AsyncIterator[BinanceSession]:
    """A session that is kept connected for the length of the block; it need not be connected when the block begins."""
    session = BinanceSession(settings, health, cooldown, simulated=simulated, clock=clock)
    async with asyncio.TaskGroup() as group:
        keeper = group.create_task(session.run(), name="binance session")
        try:
            yield session
        finally:
            keeper.cancel()
