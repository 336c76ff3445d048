"""The limit of WebSockets on uvicorn: an ASGI `send` for each subscriber.

    python -m bench.bare_asgi_websocket PORT REDIS_URL

It speaks just enough of graphql-transport-ws for the load generator, as `bench.bare_websocket` does.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bench.bare_websocket import FRAME
from bench.market import NAMES
from rates.source import Source

EMPTY = '{"type":"next","id":"1","payload":{"data":{"rates":{"items":[]}}}}'


class Sender:
    """Subscribed connections by symbol."""

    def __init__(self) -> None:
        self._subscribers: dict[str, set[WebSocket]] = {}

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection until it ends."""
        symbols: list[str] = []
        await socket.accept("graphql-transport-ws")
        try:
            await socket.receive_text()
            await socket.send_text('{"type":"connection_ack"}')
            symbols = json.loads(await socket.receive_text())["payload"]["variables"]["symbols"]
            for symbol in symbols:
                self._subscribers.setdefault(symbol, set()).add(socket)
            await socket.send_text(EMPTY)
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            for symbol in symbols:
                self._subscribers[symbol].discard(socket)

    async def send_changes(self, redis: Redis) -> None:
        """Send every change that Redis publishes."""
        async with redis.pubsub() as pubsub:
            await pubsub.subscribe(NAMES.changes_channel(Source.BINANCE))
            async for message in pubsub.listen():
                if message["type"] == "message":
                    for ticker in json.loads(message["data"])["tickers"]:
                        await self._send(ticker)

    async def _send(self, ticker: dict[str, Any]) -> None:
        event = {"type": "websocket.send", "text": FRAME % ticker}
        for socket in list(self._subscribers.get(ticker["symbol"], ())):
            try:
                await socket.send(event)
            except (WebSocketDisconnect, RuntimeError):
                self._subscribers[ticker["symbol"]].discard(socket)


def create_app(redis_url: str) -> Starlette:
    """Create the application."""
    sender, redis = Sender(), Redis.from_url(redis_url)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(sender.send_changes(redis))
        yield
        task.cancel()
        await redis.aclose()

    return Starlette(routes=[WebSocketRoute("/graphql", sender.serve)], lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(
        create_app(sys.argv[2]),
        port=int(sys.argv[1]),
        log_level="warning",
        ws="websockets-sansio",
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        backlog=2048,
    )
