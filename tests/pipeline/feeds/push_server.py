"""A push exchange for tests: Binance's combined streams, with failures on demand."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from instruments.instrument import Instrument
from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.feeds.protocol import FeedProtocol
from pipeline.feeds.push_feed import PushFeed
from pipeline.health import SourceHealth
from pipeline.ports import Cooldown
from pipeline.sources.binance.factory import binance
from pipeline.sources.binance.settings import BinanceSettings
from rates.clock import EPOCH, Clock, utc_now
from rates.symbol import Symbol
from rates.ticker import Ticker
from tests.json_types import JsonObject
from tests.pipeline.fakes import health, until

MILLISECOND = timedelta(milliseconds=1)


class Client:
    """One connection to the exchange, numbered by arrival."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.streams: set[str] = set()
        self.controls: list[tuple[float, JsonObject]] = []
        self.is_half_open = False
        self.gone = asyncio.Event()

    def freeze(self) -> None:
        """Keep the socket open without passing anything in either direction: no data, no pong."""
        self.is_half_open = True
        self.socket.transport.pause_reading()


class PushServer:
    """`refuse`: reject handshakes. `mute`: symbols without messages. `answer`: edits responses."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.handshakes_at: list[float] = []
        self.refuse: tuple[int, Sequence[tuple[str, str]]] | None = None
        self.mute: set[str] = set()
        self.answer: Callable[[JsonObject], JsonObject] = lambda control: {
            "result": None,
            "id": control["id"],
        }
        # Longer messages are ignored without an answer.
        self.max_bytes = 1 << 20
        self.url = ""
        self.sent: list[tuple[str, int]] = []
        self._numbers = 0
        self._stopping = asyncio.Event()

    @property
    def handshakes(self) -> int:
        return len(self.handshakes_at)

    async def opened(self, count: int) -> Client:
        """Wait for the connection of that number, counted from one."""
        await until(lambda: len(self.clients) >= count)
        return self.clients[count - 1]

    @property
    def open(self) -> list[Client]:
        return [client for client in self.clients if not client.gone.is_set()]

    async def serve_one(self, socket: ServerConnection) -> None:
        client = Client(socket)
        self.clients.append(client)
        try:
            async for frame in socket:
                if len(frame if isinstance(frame, bytes) else frame.encode()) > self.max_bytes:
                    continue
                control = json.loads(frame)
                client.controls.append((asyncio.get_running_loop().time(), control))
                await socket.send(json.dumps(self.answer(control)))
                names = set(control["params"])
                client.streams = (
                    client.streams | names if control["method"] == "SUBSCRIBE" else client.streams - names
                )
        except ConnectionClosed:
            pass
        finally:
            client.gone.set()

    def admit(self, connection: ServerConnection, _: Request) -> Response | None:
        self.handshakes_at.append(asyncio.get_running_loop().time())
        if self.refuse is None:
            return None
        status, headers = self.refuse
        response = connection.respond(HTTPStatus(status), "no")
        for name, value in headers:
            response.headers[name] = value
        return response

    async def trade(self, symbol: str, price: str = "100.5", *, number: int | None = None) -> None:
        """Send one trade to all its subscribers."""
        self._numbers += 1
        count = self._numbers if number is None else number
        self.sent.append((symbol, count))
        moment = (utc_now() - EPOCH) // MILLISECOND if number is None else 1_723_161_255_000 + number
        data = {"e": "trade", "E": moment, "s": symbol, "t": count, "p": price, "q": "1"}
        await self.say(f"{symbol.lower()}@trade", data)

    async def say(self, stream: str, data: JsonObject, *, to: Sequence[Client] | None = None) -> None:
        """Send one message on a stream to all its subscribers, or to the given ones."""
        text = json.dumps({"stream": stream, "data": data})
        for client in self.open if to is None else to:
            if client.is_half_open or (to is None and stream not in client.streams):
                continue
            with suppress(ConnectionClosed):
                await client.socket.send(text)

    async def trade_forever(self, *symbols: str, every_s: float = 0.01) -> None:
        """Send trades of all symbols that are not mute, until cancelled."""
        while True:
            for symbol in symbols:
                if symbol not in self.mute:
                    await self.trade(symbol)
            await asyncio.sleep(every_s)

    async def has(self, *symbols: str, connections: int = 1) -> None:
        """Wait until so many open connections are subscribed to these trades."""
        names = {f"{symbol.lower()}@trade" for symbol in symbols}
        await until(lambda: sum(names <= client.streams for client in self.open) >= connections)


@asynccontextmanager
async def open_push_server(port: int = 0) -> AsyncIterator[PushServer]:
    """Run a server on a free port. Its sockets are aborted on exit."""
    exchange = PushServer()
    server: Server
    async with serve(
        exchange.serve_one,
        "127.0.0.1",
        port,
        process_request=exchange.admit,
        close_timeout=0.1,
        ping_interval=None,
        compression=None,
    ) as server:
        exchange.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        try:
            yield exchange
        finally:
            for client in exchange.open:
                client.socket.transport.abort()


class Running:
    """A running feed: its tickers and its health."""

    def __init__(self, known: SourceHealth) -> None:
        self.health = known
        self.tickers: list[Ticker] = []
        self.deliver: Callable[[], None] = lambda: None

    def of(self, symbol: str) -> list[Ticker]:
        return [ticker for ticker in self.tickers if str(ticker.symbol).replace("/", "") == symbol]

    @property
    def silent(self) -> tuple[Symbol, ...]:
        return self.health.report(utc_now()).silent

    @property
    def reason(self) -> str:
        return self.health.report(utc_now()).reason or ""


@asynccontextmanager
async def feeding(
    *urls: str,
    read_instruments: Sequence[Instrument],
    cooldown: Cooldown | None = None,
    silent_after_s: float = 60,
    endpoint_rest_s: float = 60,
    open_protocol: Callable[[], FeedProtocol] | None = None,
    clock: Clock = utc_now,
    on_waiting: Callable[[], None] | None = None,
    **settings: float,
) -> AsyncIterator[Running]:
    """Run Binance's real feed against these addresses while the context is open."""
    running = Running(health())
    adapter = binance(
        BinanceSettings.model_validate({"stream_urls": urls, "longest_wait_s": 0.2, **settings})
    )
    assert adapter.build_feed is not None
    spec = adapter.build_feed(simulated=False)
    feed = PushFeed(
        spec if open_protocol is None else replace(spec, open_protocol=open_protocol),
        lambda: read_instruments,
        running.tickers.extend,
        running.health,
        cooldown or MemoryCooldown(utc_now),
        silent_after_s=silent_after_s,
        endpoint_rest_s=endpoint_rest_s,
        simulated=False,
        clock=clock,
        on_waiting=on_waiting,
    )
    running.deliver = feed.deliver
    task = asyncio.create_task(feed.run())
    try:
        yield running
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


@asynccontextmanager
async def trading(exchange: PushServer, *symbols: str, every_s: float = 0.01) -> AsyncIterator[None]:
    """Send trades while the context is open."""
    task = asyncio.create_task(exchange.trade_forever(*symbols, every_s=every_s))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def age_of(running: Running) -> float:
    """Return the seconds since the first ticker."""
    return (running.tickers[-1].received_at - running.tickers[0].received_at).total_seconds()
