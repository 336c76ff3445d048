"""A Binance for tests: a real WebSocket server on a free port with scripted responses."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.health import SourceHealth
from pipeline.net.simulation import SIMULATED_HEADER
from pipeline.ports import Cooldown
from pipeline.sources.binance.messages import ApiResponse
from pipeline.sources.binance.session import BinanceSession, open_session
from pipeline.sources.binance.settings import BinanceSettings
from rates.clock import Clock, utc_now
from tests.json_types import Json, JsonObject
from tests.pipeline.fakes import health

Handler = Callable[[ServerConnection], Awaitable[None]]


class Exchange:
    """Counts connections. `label`: simulated or not. `refuse`: the HTTP status of handshakes."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.connections = 0
        self.label: str | None = None
        self.refuse: tuple[int, dict[str, str]] | None = None
        self.url = ""

    async def serve_one(self, connection: ServerConnection) -> None:
        self.connections += 1
        await self.handler(connection)

    def answer_handshake(self, _: ServerConnection, __: Request) -> Response | None:
        if self.refuse is None:
            return None
        status, headers = self.refuse
        return Response(status, "refused", Headers({"Content-Length": "2", **headers}), b"no")

    def add_label(self, _: ServerConnection, __: Request, response: Response) -> None:
        if self.label is not None:
            response.headers[SIMULATED_HEADER] = self.label


@asynccontextmanager
async def open_exchange(handler: Handler) -> AsyncIterator[Exchange]:
    exchange = Exchange(handler)
    async with serve(
        exchange.serve_one,
        "127.0.0.1",
        0,
        process_request=exchange.answer_handshake,
        process_response=exchange.add_label,
        close_timeout=0.2,
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        exchange.url = f"ws://127.0.0.1:{port}"
        yield exchange


def answering(answer: Callable[[JsonObject], JsonObject | None]) -> Handler:
    """A WebSocket API that responds with `answer`; `None` means no response."""

    async def handle(connection: ServerConnection) -> None:
        async for frame in connection:
            question = json.loads(frame)
            said = answer(question)
            if said is not None:
                await connection.send(json.dumps({"id": question["id"], **said}))

    return handle


def entry(symbol: str, price: str = "1.50000000", **changes: Json) -> JsonObject:
    """One entry of `ticker.24hr`, as documented."""
    return {
        "symbol": symbol,
        "priceChange": "0.10000000",
        "priceChangePercent": "1.250",
        "weightedAvgPrice": "1.45000000",
        "prevClosePrice": "1.40000000",
        "lastPrice": price,
        "lastQty": "3.00000000",
        "bidPrice": "1.49000000",
        "bidQty": "1.00000000",
        "askPrice": "1.51000000",
        "askQty": "2.00000000",
        "openPrice": "1.40000000",
        "highPrice": "1.60000000",
        "lowPrice": "1.30000000",
        "volume": "1000.00000000",
        "quoteVolume": "1450.00000000",
        "openTime": 1723074855343,
        "closeTime": 1723161255343,
        "firstId": 100,
        "lastId": 200,
        "count": 101,
        **changes,
    }


def tickers(question: JsonObject) -> JsonObject:
    """The successful response to `ticker.24hr`, in another order than requested."""
    entries = [entry(symbol) for symbol in reversed(question["params"]["symbols"])]
    return {"status": 200, "result": entries, "rateLimits": [weight(4)]}


def weight(count: int, limit: int = 6000) -> JsonObject:
    return {
        "rateLimitType": "REQUEST_WEIGHT",
        "interval": "MINUTE",
        "intervalNum": 1,
        "limit": limit,
        "count": count,
    }


def refusal(status: int, code: int, msg: str, **data: int) -> JsonObject:
    return {"status": status, "error": {"code": code, "msg": msg, **({"data": data} if data else {})}}


async def silence(connection: ServerConnection) -> None:
    """Read everything and send nothing until the client closes."""
    async for _ in connection:
        await asyncio.sleep(0)


def symbol_of(answer: ApiResponse) -> str:
    """Return the symbol of a response with one ticker."""
    return str(msgspec.json.decode(answer.result)[0]["symbol"])


@asynccontextmanager
async def session_with(
    exchange: Exchange,
    seen: SourceHealth | None = None,
    *,
    timeout_s: float = 5.0,
    simulated: bool = False,
    clock: Clock = utc_now,
    cooldown: Cooldown | None = None,
) -> AsyncIterator[BinanceSession]:
    """Open one of our sessions with the exchange."""
    settings = BinanceSettings(ws_api_url=exchange.url, request_timeout_s=timeout_s, longest_wait_s=0.05)
    async with (
        asyncio.timeout(20),
        open_session(
            settings, seen or health(), cooldown or MemoryCooldown(clock), simulated=simulated, clock=clock
        ) as session,
    ):
        yield session
