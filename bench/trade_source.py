"""The process that publishes trades as Binance does, at an even rate.

    python -m bench.trade_source PORT TRADES_PER_S SYMBOLS

It accepts every subscription, and sends each trade in a frame of its own to every connection that has subscribed, and the quotes and
the statistics of each symbol once a second. Frames of a millisecond go out together, so that a reader wakes up a thousand times a
second.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

# Trades of one turn go out together. Timers are not finer.
TURN_S = 0.001
_TEXT_FRAME, _LONG = 0x81, 126
# Of a frame with a length in one byte.
_SHORT_BYTES = 125


class TradeSource:
    """Sends trades of symbols C0USDT to C99USDT and so on."""

    def __init__(self, per_s: int, symbols: int) -> None:
        self._per_s, self._symbols = per_s, symbols
        self._readers: set[ServerConnection] = set()
        self._has_begun = asyncio.Event()
        self._numbers = Counter[int]()
        self._count = self._statistics_count = 0

    async def serve_one(self, connection: ServerConnection) -> None:
        """Answer the subscriptions of a connection until it is closed."""
        with suppress(ConnectionClosed):
            async for message in connection:
                number = json.loads(message)["id"]
                await connection.send(json.dumps({"result": None, "id": number}))
                self._readers.add(connection)
                self._has_begun.set()
        self._readers.discard(connection)

    async def run(self) -> None:
        """Send trades until cancelled."""
        await self._has_begun.wait()
        begun = time.monotonic()
        while True:
            passed_s = time.monotonic() - begun
            frames = [self._make_trade() for _ in range(int(passed_s * self._per_s) - self._count)]
            due = int(passed_s * self._symbols) - self._statistics_count
            frames += [frame for _ in range(due) for frame in self._make_statistics()]
            for reader in self._readers:
                if reader.state is State.OPEN:
                    reader.transport.write(b"".join(frames))
            await asyncio.sleep(TURN_S)

    def _make_trade(self) -> bytes:
        """Return the frame of the next trade."""
        self._count += 1
        count = self._count
        which = count * 7919 % self._symbols
        self._numbers[which] += 1
        now_ms = time.time_ns() // 1_000_000
        trade = {
            "e": "trade",
            "E": now_ms,
            "s": f"C{which}USDT",
            "t": self._numbers[which],
            "p": f"{61837 + count % 100}.63000000",
            "q": f"0.0{1 + count % 7}000000",
            "T": now_ms,
            "m": bool(count % 2),
            "M": True,
        }
        return _to_frame(f"c{which}usdt@trade", trade)

    def _make_statistics(self) -> list[bytes]:
        """Return the frames of the best quotes and of the statistics of the next symbol."""
        which = self._statistics_count % self._symbols
        self._statistics_count += 1
        quotes = {"b": "61837.63000000", "B": "3.78826000", "a": "61837.64000000", "A": "1.54698000"}
        book = {"u": 50_000_000_000 + self._statistics_count, "s": f"C{which}USDT"} | quotes
        day = {
            "e": "24hrTicker",
            "E": time.time_ns() // 1_000_000,
            "s": f"C{which}USDT",
            "L": self._numbers[which],
            "c": "61837.63000000",
            "P": "1.250",
            "o": "61000.00000000",
            "h": "62000.00000000",
            "l": "60000.00000000",
            "v": "12345.67890000",
            "q": "763000000.00000000",
        }
        return [_to_frame(f"c{which}usdt@bookTicker", book), _to_frame(f"c{which}usdt@ticker", day | quotes)]


def _to_frame(stream: str, data: Mapping[str, object]) -> bytes:
    """Return a WebSocket frame of a server, of less than 64 KiB."""
    text = json.dumps({"stream": stream, "data": data}, separators=(",", ":")).encode()
    size = len(text)
    if size <= _SHORT_BYTES:
        return bytes((_TEXT_FRAME, size)) + text
    return bytes((_TEXT_FRAME, _LONG)) + size.to_bytes(2) + text


async def run(port: int, per_s: int, symbols: int) -> None:
    """Serve until the process is stopped."""
    source = TradeSource(per_s, symbols)
    async with serve(source.serve_one, "127.0.0.1", port, compression=None):
        await source.run()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
