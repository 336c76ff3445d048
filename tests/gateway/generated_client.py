"""The scenario of a generated client: a query, two pages, a conversion and a subscription.

All programs print the same lines.
"""

import json

from cache.memory import MemoryCache
from tests.e2e.programs import Program
from tests.gateway.fixture_types import BuildTicker
from tests.json_types import Json


async def next_line(program: Program) -> Json:
    """Return the next line of JSON."""
    return json.loads(await program.line(has="{"))


async def write_first_rates(cache: MemoryCache, ticker: BuildTicker) -> None:
    """Write what the queries answer."""
    await cache.write([ticker(price="100", sequence=1), ticker("ETH/USDT", price="5")])


async def check_generated_client(program: Program, cache: MemoryCache, ticker: BuildTicker) -> None:
    """Read what the program prints of a gateway of `cache`, after `write_first_rates`."""
    expected: list[Json] = [
        {
            "rates": [["Rate:BINANCE:BTC/USDT", "BINANCE", "100"]],
            "unavailable": [["NO/SUCH", "UNKNOWN_SYMBOL"], ["BTC/USDT", "SOURCE_DOWN"]],
        },
        *({"page": [symbol], "total": 2} for symbol in ("BTC/USDT", "ETH/USDT")),
        {"conversions": [["BTC", "USDT", "200"]]},
        {"kind": "SNAPSHOT", "prices": ["100"]},
    ]
    assert [await next_line(program) for _ in expected] == expected, program.lines
    await cache.write([ticker(price="101", sequence=2)])
    assert await next_line(program) == {"kind": "UPDATE", "prices": ["101"]}, program.lines
    rest, _ = await program.process.communicate()
    assert (rest, program.process.returncode) == (b"", 0), rest
