"""Serve a gateway whose every instrument moves ten times a second.

`busy_market PORT INSTRUMENTS`.

Prints to stderr each second how many rates it wrote.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from cache.memory import MemoryCache
from gateway.listening_socket import bind
from gateway.server import serve_gateway
from gateway.settings import GatewaySettings
from instruments.instrument import Instrument
from rates.clock import utc_now
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol, parse_symbol
from rates.ticker import Ticker

MOVES_A_SECOND = 10
# A tenth of the market at a time, as a busy feed would flush: no burst of everything at once.
PARTS = 10


class Listing:
    """An `InstrumentReader` of generated instruments."""

    def __init__(self, count: int) -> None:
        self.symbols = [parse_symbol(f"T{number:04}/USDT") for number in range(count)]

    async def read(self, source: Source | None = None) -> Sequence[Instrument]:
        if source not in (None, Source.BINANCE):
            return []
        return [
            Instrument(Source.BINANCE, each, f"{each.base}USDT", f"Token {each.base}")
            for each in self.symbols
        ]


async def move(cache: MemoryCache, symbols: Sequence[Symbol]) -> None:
    """Write every symbol ten times a second, or as often as the machine can."""
    pause, turn, written, second = 1 / MOVES_A_SECOND / PARTS, 0, 0, time.monotonic()
    due = time.monotonic()
    while True:
        part = symbols[turn % PARTS :: PARTS]
        await cache.write([_ticker(symbol, turn) for symbol in part])
        turn, written = turn + 1, written + len(part)
        if time.monotonic() - second >= 1:
            sys.stderr.write(f"{written / (time.monotonic() - second):.0f}\n")
            sys.stderr.flush()
            written, second = 0, time.monotonic()
        due = max(due + pause, time.monotonic() - pause)
        await asyncio.sleep(max(0, due - time.monotonic()))


def _ticker(symbol: Symbol, turn: int) -> Ticker:
    now = utc_now()
    return Ticker(
        source=Source.BINANCE,
        symbol=symbol,
        price=Decimal(100_000 + turn * 7919 % 997) / 100,
        observed_at=now - timedelta(milliseconds=20),
        observed_at_origin=ObservedAtOrigin.SOURCE,
        received_at=now,
        sequence=turn,
        change_percent_24h=Decimal("1.25"),
        volume_24h=Decimal("12345.67"),
        simulated=True,
    )


async def run(port: int, count: int) -> None:
    """Serve until the process ends."""
    listing, cache = Listing(count), MemoryCache()
    settings = GatewaySettings(port=port, host="127.0.0.1")
    async with asyncio.TaskGroup() as tasks:
        listener, listening = bind(settings), asyncio.Event()
        tasks.create_task(
            serve_gateway(
                cache,
                listing,
                settings,
                asyncio.Event(),
                simulated=True,
                listener=listener,
                on_ready=listening.set,
            )
        )
        # Its first count says that the page can be opened.
        await listening.wait()
        tasks.create_task(move(cache, listing.symbols))


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), int(sys.argv[2])))
