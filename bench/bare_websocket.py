"""The limit of WebSockets in Python: `websockets.broadcast` of one message per change.

    python -m bench.bare_websocket PORT REDIS_URL

It speaks just enough of graphql-transport-ws for the load generator: it formats one message per changed rate, whatever
fields the client selected, and validates and limits nothing.
"""

import json
import sys

import uvloop
from redis.asyncio import Redis
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from bench.market import NAMES
from rates.source import Source

FRAME = (
    '{"type":"next","id":"1","payload":{"data":{"rates":{"items":[{"symbol":"%(symbol)s","source":{"code":"BINANCE"},"price":"%(price)s",'
    '"bid":"%(bid)s","ask":"%(ask)s","observedAt":"2026-01-01T00:00:00.000000Z","ageMs":1}]}}}}'
)


class Broadcaster:
    """Subscribed connections by symbol."""

    def __init__(self) -> None:
        self._subscribers: dict[str, set[ServerConnection]] = {}

    async def serve(self, connection: ServerConnection) -> None:
        symbols: list[str] = []
        try:
            await connection.recv()
            await connection.send('{"type":"connection_ack"}')
            symbols = json.loads(await connection.recv())["payload"]["variables"]["symbols"]
            for symbol in symbols:
                self._subscribers.setdefault(symbol, set()).add(connection)
            await connection.send('{"type":"next","id":"1","payload":{"data":{"rates":{"items":[]}}}}')
            await connection.wait_closed()
        except ConnectionClosed:
            pass
        finally:
            for symbol in symbols:
                self._subscribers[symbol].discard(connection)

    async def broadcast_changes(self, redis: Redis) -> None:
        """Broadcast every change that Redis publishes."""
        async with redis.pubsub() as pubsub:
            await pubsub.subscribe(NAMES.changes_channel(Source.BINANCE))
            async for message in pubsub.listen():
                if message["type"] == "message":
                    for ticker in json.loads(message["data"])["tickers"]:
                        broadcast(self._subscribers.get(ticker["symbol"], ()), FRAME % ticker)


async def run(port: int, redis_url: str) -> None:
    """Serve until the process ends."""
    broadcaster, redis = Broadcaster(), Redis.from_url(redis_url)
    async with serve(
        broadcaster.serve,
        "127.0.0.1",
        port,
        subprotocols=[Subprotocol("graphql-transport-ws")],
        compression=None,
        ping_interval=None,
        backlog=2048,
    ):
        await broadcaster.broadcast_changes(redis)


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), sys.argv[2]))
