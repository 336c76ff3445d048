"""Binance's push feed for all tracked instruments over one combined connection. Ends or raises; reconnecting is not its job."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta

import structlog
from websockets.asyncio.client import ClientConnection

from pipeline.feeds.connection import open_connection
from pipeline.health import SourceHealth
from pipeline.sources.binance.feed_state import FeedState
from pipeline.sources.binance.messages import BinanceEvent, BinanceShutdown, StreamAnswer, parse_stream_frame
from pipeline.sources.binance.settings import BinanceSettings
from pipeline.sources.binance.subscriptions import PACE, Subscriptions
from pipeline.sources.binance.symbols import MAX_SYMBOLS, stream_names
from pipeline.sources.parts import Wishes
from pipeline.validation import Refusal
from rates.clock import Clock
from rates.errors import SourceProtocolError, SourceUnavailable
from rates.source import Source
from rates.ticker import Ticker


class BinanceStream:
    """One feed; `wishes` answers from memory which instruments are tracked at the moment."""

    def __init__(
        self,
        settings: BinanceSettings,
        wishes: Wishes,
        health: SourceHealth,
        *,
        simulated: bool,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._wishes = wishes
        self._health = health
        self._simulated = simulated
        self._clock = clock
        self._log = structlog.get_logger("ratewire.binance").bind(role=health.role)

    async def connect(self) -> AsyncGenerator[Sequence[Ticker], None]:
        """The tickers that each message of one connection makes; none at all is a sign of life.

        Raises:
            SourceError: the connection cannot be opened, was lost, or said what cannot be read.
        """
        async with open_connection(
            Source.BINANCE,
            f"{self._settings.stream_url.rstrip('/')}/stream",
            patience=timedelta(seconds=self._settings.connect_timeout_s),
            simulated=self._simulated,
            clock=self._clock,
            ping_interval=timedelta(seconds=20),
        ) as connection:
            self._log.info("connected", url=self._settings.stream_url)
            state, subscriptions = FeedState(simulated=self._simulated), Subscriptions()
            while True:
                await self._steer(connection, state, subscriptions)
                if not self._wishes():
                    yield ()
                steer_at = asyncio.get_running_loop().time() + PACE.total_seconds()
                while (frame := await _receive_until(connection, steer_at)) is not None:
                    event = self._read(frame)
                    if isinstance(event, StreamAnswer):
                        subscriptions.settle(event)
                    elif isinstance(event, BinanceShutdown):
                        raise SourceUnavailable(Source.BINANCE, "the server announced its shutdown")
                    elif event is not None:
                        ticker = state.merge(event, self._clock())
                        yield () if ticker is None else (ticker,)

    def _read(self, frame: str | bytes) -> BinanceEvent | StreamAnswer | None:
        try:
            return parse_stream_frame(frame)
        except SourceProtocolError as exc:
            # One bad message is no reason to miss all others; when there are no good ones, silence tells.
            self._health.note_refusal(Refusal.UNREADABLE, str(exc))
            return None

    async def _steer(
        self, connection: ClientConnection, state: FeedState, subscriptions: Subscriptions
    ) -> None:
        """Follow the tracked instruments, as far as one connection can."""
        instruments = self._wishes()
        surplus = len(instruments) - MAX_SYMBOLS
        self._health.note(
            "streams", f"{surplus} instruments only polled: over {MAX_SYMBOLS}" if surplus > 0 else None
        )
        symbols = {one.source_symbol: one.symbol for one in instruments[:MAX_SYMBOLS]}
        state.track(symbols)
        message = subscriptions.next_message(stream_names(symbols), self._clock())
        if message is not None:
            await connection.send(message)


async def _receive_until(connection: ClientConnection, at: float) -> str | bytes | None:
    """The next frame, or nothing once the loop's time is `at`, frames or not."""
    if asyncio.get_running_loop().time() >= at:
        return None
    try:
        async with asyncio.timeout_at(at):
            return await connection.recv(decode=False)
    except TimeoutError:
        return None
