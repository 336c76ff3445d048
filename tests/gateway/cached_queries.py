"""The scenario of a normalised cache: live queries change what it holds of other queries."""

import asyncio
from collections.abc import Awaitable, Callable

from cache.memory import MemoryCache
from tests.gateway.fixture_types import BuildTicker
from tests.json_types import Json

TIMEOUT_S = 60
LIVE = {"rates", "sources", "consensusRate"}
QUERIES = 4


async def check_cached_queries(
    next_line: Callable[[], Awaitable[Json]], cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Read what the script of a client prints, and write rates; BTC/USDT has the price 1 before.

    Its queries are those of `tests/clients/cached_operations.mjs`. Each is sent once.
    """
    held: dict[str, Json] = {}
    live: set[str] = set()

    async def until(is_reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not is_reached():
                line = await next_line()
                assert line.get("error") is None, line
                if "query" in line:
                    held[line["query"]] = line["holds"]
                else:
                    live.add(line["event"])
                    assert line["requests"] == QUERIES

    await until(lambda: live == LIVE)
    assert held["rates"] == {"Rate:BINANCE:BTC/USDT": "1"}
    assert held["instruments"] == {"BTC/USDT": "1", "ETH/USDT": None}
    assert held["consensusRate"] == "1"
    assert held["sources"]["BINANCE"] == 1
    # The second instrument is news for the source.
    await cache.write([ticker(price="2", sequence=2), ticker("ETH/USDT", price="9")])
    await until(
        lambda: (
            held["rates"]["Rate:BINANCE:BTC/USDT"] == "2"
            and held["instruments"]["BTC/USDT"] == "2"
            and held["consensusRate"] == "2"
            and held["sources"]["BINANCE"] == 2
        )
    )
