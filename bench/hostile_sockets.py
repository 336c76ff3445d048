"""`python -m bench.hostile_sockets PORT reads|ignores`: ten sockets with 1,000 lists each.

Each subscription is to all symbols and differs from the others. Once all are sent, the sockets stay for a while, close at once,
and begin again. They come from an address of their own, and read what they get or ignore it.
"""

import asyncio
import json
import sys
from contextlib import suppress

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

SOCKETS, SUBSCRIPTIONS = 10, 1_000
# Other clients of the benchmarks come from 127.0.0.1.
ADDRESS = "127.0.0.2"
STAY_S = 3.0
TIMEOUT_S = 60.0
FIELDS = "symbol price bid ask observedAt ageMs"
# `maxSilenceMs` of the first; each other has one more.
LEAST_SILENCE_MS = 20_000


async def main() -> None:
    port, manner = int(sys.argv[1]), sys.argv[2]
    while True:
        with suppress(OSError, WebSocketException, TimeoutError):
            await flood(port, reads=manner == "reads")


async def flood(port: int, *, reads: bool) -> None:
    """Open the sockets, have all subscribe side by side, wait, and drop them."""
    sockets = await asyncio.gather(*[_open(port, reads=reads) for _ in range(SOCKETS)])
    readers = [asyncio.create_task(_read(each)) for each in sockets] if reads else []
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.gather(*[_subscribe(each, number) for number, each in enumerate(sockets)])
            await asyncio.sleep(STAY_S)
    finally:
        for task in readers:
            task.cancel()
        for each in sockets:
            each.transport.abort()


async def _open(port: int, *, reads: bool) -> ClientConnection:
    socket = await connect(
        f"ws://127.0.0.1:{port}/graphql",
        subprotocols=["graphql-transport-ws"],  # type: ignore[list-item] # a NewType of str
        local_addr=(ADDRESS, 0),
        ping_interval=None,
        compression=None,
        max_queue=16,
        open_timeout=TIMEOUT_S,
    )
    await socket.send('{"type":"connection_init"}')
    await socket.recv()
    if not reads:
        socket.transport.pause_reading()
    return socket


async def _subscribe(socket: ClientConnection, number: int) -> None:
    for operation in range(SUBSCRIPTIONS):
        silence_ms = LEAST_SILENCE_MS + number * SUBSCRIPTIONS + operation
        query = f"subscription {{ rates(maxSilenceMs: {silence_ms}) {{ items {{ {FIELDS} }} }} }}"
        message = {"id": str(operation), "type": "subscribe", "payload": {"query": query}}
        await socket.send(json.dumps(message))


async def _read(socket: ClientConnection) -> None:
    with suppress(WebSocketException):
        async for _ in socket:
            pass


if __name__ == "__main__":
    asyncio.run(main())
