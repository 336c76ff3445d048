"""The limit of WebSockets in Python: the `websockets` library's `broadcast` of a ready frame to everyone who wants it.

    python -m bench.bare_websocket PORT REDIS_URL

It speaks just enough of graphql-transport-ws to be measured by the same client: a frame is formatted once for each changed
rate, whatever the reader has selected, and nothing is read, checked or limited for anyone.
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
    '{"type":"next","id":"1","payload":{"data":{"rates":{"items":[{"symbol":"%(symbol)s","source":"BINANCE","price":"%(price)s",'
    '"bid":"%(bid)s","ask":"%(ask)s","observedAt":"2026-01-01T00:00:00.000000Z","ageMs":1}]}}}}'
)


class Hub:
    """Who wants what."""

    def __init__(self) -> None:
        self._readers: dict[str, set[ServerConnection]] = {}

    async def serve(self, connection: ServerConnection) -> None:
        symbols: list[str] = []
        try:
            await connection.recv()
            await connection.send('{"type":"connection_ack"}')
            symbols = json.loads(await connection.recv())["payload"]["variables"]["symbols"]
            for symbol in symbols:
                self._readers.setdefault(symbol, set()).add(connection)
            await connection.send('{"type":"next","id":"1","payload":{"data":{"rates":{"items":[]}}}}')
            await connection.wait_closed()
        except ConnectionClosed:
            pass
        finally:
            for symbol in symbols:
                self._readers[symbol].discard(connection)

    async def pass_on(self, redis: Redis) -> None:
        """Broadcast what Redis publishes."""
        async with redis.pubsub() as pubsub:
            await pubsub.subscribe(NAMES.changes_channel(Source.BINANCE))
            async for message in pubsub.listen():
                if message["type"] == "message":
                    for ticker in json.loads(message["data"])["tickers"]:
                        broadcast(self._readers.get(ticker["symbol"], ()), FRAME % ticker)


async def run(port: int, redis_url: str) -> None:
    """Until it is ended."""
    hub, redis = Hub(), Redis.from_url(redis_url)
    async with serve(
        hub.serve,
        "127.0.0.1",
        port,
        subprotocols=[Subprotocol("graphql-transport-ws")],
        compression=None,
        ping_interval=None,
        backlog=2048,
    ):
        await hub.pass_on(redis)


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), sys.argv[2]))
